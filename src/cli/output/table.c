/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/table.h"

#include <errno.h>
#include <stdio.h>

#include "base/strings.h"

/* Returns the width of text made by string_printable(): characters, not bytes. */
static size_t width(const char *text)
{
        size_t n = 0;

        for (; *text; text++) {
                n += ((unsigned char)*text & 0xc0) != 0x80;
        }
        return n;
}

int table_start(struct table *table, const char *const *headings)
{
        *table = (struct table){ 0 };
        while (headings[table->columns]) {
                table->columns++;
        }
        for (size_t i = 0; i < table->columns; i++) {
                if (table_add(table, headings[i]) < 0) {
                        table_clear(table);
                        return -ENOMEM;
                }
        }
        return 0;
}

int table_add(struct table *table, const char *text)
{
        char **grown = reallocarray(table->cells, table->count + 1, sizeof *grown);

        if (!grown) {
                return -ENOMEM;
        }
        table->cells = grown;
        grown[table->count] = string_printable(text && *text ? text : "-");
        if (!grown[table->count]) {
                return -ENOMEM;
        }
        table->count++;
        return 0;
}

static void print_cell(const struct table *table, size_t column, const char *text, size_t wanted)
{
        int padding = (int)(wanted - width(text));

        if (table->right & (1u << column)) {
                printf("%*s%s", padding, "", text);
        } else if (column + 1 < table->columns) {
                printf("%s%*s", text, padding, "");
        } else {
                fputs(text, stdout);
        }
        fputs(column + 1 < table->columns ? "  " : "\n", stdout);
}

void table_print(const struct table *table, bool heading, bool colour)
{
        size_t first = heading ? 0 : table->columns;
        size_t widths[TABLE_COLUMNS] = { 0 };

        for (size_t i = first; i < table->count; i++) {
                size_t cell = width(table->cells[i]);
                size_t *widest = &widths[i % table->columns];

                *widest = cell > *widest ? cell : *widest;
        }
        for (size_t i = first; i < table->count; i++) {
                size_t column = i % table->columns;

                if (colour && i == 0) {
                        fputs("\033[1m", stdout);
                }
                print_cell(table, column, table->cells[i], widths[column]);
                if (colour && i + 1 == table->columns) {
                        fputs("\033[0m", stdout);
                }
        }
}

void table_clear(struct table *table)
{
        for (size_t i = 0; i < table->count; i++) {
                free(table->cells[i]);
        }
        free(table->cells);
        *table = (struct table){ 0 };
}

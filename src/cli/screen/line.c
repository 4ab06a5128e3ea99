/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/screen/line.h"

#include <errno.h>

#include "base/strings.h"

/* How many columns a text has, each character one: names of machines, numbers and blocks. */
static size_t columns_of(const char *text)
{
        size_t columns = 0;

        while (*text) {
                text += string_utf8_length(text);
                columns++;
        }
        return columns;
}

static void pad(struct line *line, size_t columns)
{
        for (size_t i = 0; i < columns && line->room > 0; i++) {
                fputc(' ', line->out);
                line->room--;
        }
}

static void put(struct line *line, const char *text, size_t columns)
{
        for (size_t i = 0; i < columns && *text && line->room > 0; i++) {
                size_t length = string_utf8_length(text);

                fwrite(text, 1, length, line->out);
                text += length;
                line->room--;
        }
}

int line_add(struct line *line, const char *text, size_t width, bool right, const char *style)
{
        _cleanup_free_ char *printable = string_printable(text);
        size_t columns, padding;

        if (!printable) {
                return -ENOMEM;
        }
        columns = columns_of(printable);
        width = width ? width : columns;
        padding = width > columns ? width - columns : 0;
        style = line->colour ? style : NULL;
        if (style) {
                fprintf(line->out, "\033[%sm", style);
        }
        pad(line, right ? padding : 0);
        put(line, printable, width);
        pad(line, right ? 0 : padding);
        if (style) {
                fputs("\033[m", line->out);
        }
        return 0;
}

void line_end(struct line *line)
{
        fputc('\n', line->out);
}

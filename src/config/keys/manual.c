/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/keys/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "config/kinds/kind.h"

/* A longer word may be broken. */
#define WORD_MAXIMUM 40

/* Escapes text for mdoc(7): backslashes, control characters at the start of a line, and double
 * quotes in an argument. */
static void write_text(FILE *out, const char *text, bool argument)
{
        if (*text == '.' || *text == '\'') {
                fputs("\\&", out);
        }
        for (size_t word = 0; *text; text++) {
                word = *text == ' ' ? 0 : word + 1;
                if (word % WORD_MAXIMUM == 0 && word > 0) {
                        fputs("\\:", out);
                }
                if (*text == '\\') {
                        fputs("\\e", out);
                } else if (*text == '"' && argument) {
                        fputs("\\(dq", out);
                } else {
                        fputc(*text, out);
                }
        }
}

static const char *shape_text(const struct config_key *key)
{
        static const struct {
                unsigned int shape;
                const char *text;
        } texts[] = {
                { CONFIG_SHAPE_GROUP, "group" },
                { CONFIG_SHAPE_STRING, "string" },
                { CONFIG_SHAPE_BOOLEAN, "boolean" },
                { CONFIG_SHAPE_INTEGER, "number" },
                { CONFIG_SHAPE_INTEGER | CONFIG_SHAPE_STRING, "number or string" },
                { CONFIG_SHAPE_BOOLEAN | CONFIG_SHAPE_STRING, "boolean or string" },
                { CONFIG_SHAPE_STRINGS, "array of strings" },
                { CONFIG_SHAPE_GROUPS, "list of groups" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                if (texts[i].shape == key->kind->shape) {
                        return texts[i].text;
                }
        }
        return "";
}

static void write_key(FILE *out, const struct config_key *key, const char *name)
{
        fprintf(out, ".It Ic %s Pq %s\n", name, shape_text(key));
        write_text(out, key->help, false);
        fputc('\n', out);
        if (key->default_text) {
                fputs("Default: ", out);
                write_text(out, key->default_text, false);
                fputs(".\n", out);
        }
        if (key->option) {
                fprintf(out, "On the command line:\n.Fl \\-%s .\n", key->option);
        }
        if (key->example) {
                fprintf(out, ".Dl \"%s = ", name);
                write_text(out, key->example, true);
                fputs(";\"\n", out);
        }
}

static void write_elements(FILE *out, const struct config_table *table)
{
        fputs("Each group has:\n.Bl -tag -width Ds\n", out);
        for (size_t i = 0; i < table->count; i++) {
                write_key(out, &table->keys[i], table->keys[i].name);
        }
        fputs(".El\n", out);
}

/* Keys outside of groups come first; a group starts a nested list. */
static void write_keys(FILE *out, const struct config_table *table)
{
        const char *open = "";

        fputs(".Bl -tag -width Ds\n", out);
        for (size_t i = 0; i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                const char *point = strchr(key->name, '.');
                size_t length = point ? (size_t)(point - key->name) : 0;

                if (open[0] && (length != strlen(open) || strncmp(open, key->name, length) != 0)) {
                        fputs(".El\n", out);
                        open = "";
                }
                if (key->kind->shape == CONFIG_SHAPE_GROUP) {
                        fprintf(out, ".It Ic %s Pq group\n", key->name);
                        write_text(out, key->help, false);
                        fputs("\n.Bl -tag -width Ds\n", out);
                        open = key->name;
                        continue;
                }
                write_key(out, key, point ? point + 1 : key->name);
                if (key->elements) {
                        write_elements(out, key->elements);
                }
        }
        fputs(open[0] ? ".El\n.El\n" : ".El\n", out);
}

/* Calls writer with a stream and returns the text written to it. NULL when memory is short. */
static char *written(const struct config_table *table,
                     void (*writer)(FILE *out, const struct config_table *table))
{
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        if (!out) {
                return NULL;
        }
        writer(out, table);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

char *config_manual(const struct config_table *table)
{
        return written(table, write_keys);
}

static void write_list(FILE *out, const struct config_table *table)
{
        for (size_t i = 0; i < table->count; i++) {
                const struct config_key *key = &table->keys[i];

                if (key->kind->shape == CONFIG_SHAPE_GROUP) {
                        continue;
                }
                fputs(key->name, out);
                for (const struct config_choice *choice = key->choices; choice && choice->text;
                     choice++) {
                        fprintf(out, " %s", choice->text);
                }
                if (key->kind->shape & CONFIG_SHAPE_BOOLEAN) {
                        fputs(" true false", out);
                }
                fputc('\n', out);
        }
}

char *config_key_list(const struct config_table *table)
{
        return written(table, write_list);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "convert/document/node.h"

/* Files of lines: systemd.syntax(7), and LXC configurations. */

struct lines {
        const char *file;
        const char *text;   /* the rest */
        unsigned int line;  /* of the one that was read last */
        unsigned int first; /* of a line with continuations */
        size_t count;
};

static bool is_comment(const char *line)
{
        line += strspn(line, " \t");
        return *line == '#' || *line == ';' || *line == '\0';
}

static void trim(char *text)
{
        size_t length = strlen(text), blanks = strspn(text, " \t\r");

        while (length > blanks && strchr(" \t\r", text[length - 1])) {
                length--;
        }
        memmove(text, text + blanks, length - blanks);
        text[length - blanks] = '\0';
}

/* The next line without its end. NULL at the end of the text, or if memory is short. */
static char *next_physical(struct lines *lines)
{
        size_t length = strcspn(lines->text, "\n");
        char *line;

        if (!*lines->text) {
                return NULL;
        }
        line = strndup(lines->text, length);
        lines->text += length + (lines->text[length] == '\n');
        lines->line++;
        return line;
}

/* Joins continued lines; comments between them are skipped. */
static char *next_logical(struct lines *lines, bool continued)
{
        char *line = next_physical(lines);

        lines->first = lines->line;
        while (continued && line && !is_comment(line) && string_ends_with(line, "\\")) {
                _cleanup_free_ char *more = next_physical(lines);
                char *joined;

                if (!more) {
                        break;
                }
                if (*more && is_comment(more)) {
                        continue;
                }
                joined = string_format("%.*s %s", (int)strlen(line) - 1, line, more);
                free(line);
                line = joined;
        }
        return line;
}

static int refuse(const struct lines *lines, const char *problem, struct machine_error *error)
{
        error_say(error, EINVAL, "%s:%u: %s", lines->file, lines->first, problem);
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

/* Splits "key = value" and adds it. */
static int add_pair(struct lines *lines, struct node *map, char *line, struct machine_error *error)
{
        char *equals = strchr(line, '=');

        if (++lines->count > DOCUMENT_NODES_MAXIMUM) {
                return refuse(lines, "too many lines", error);
        }
        if (!equals) {
                return refuse(lines, "expected KEY=VALUE", error);
        }
        *equals = '\0';
        trim(line);
        trim(equals + 1);
        return node_add_text(map, line, equals + 1, lines->first) < 0 ? error_oom(error) : 0;
}

static struct node *open_section(struct node *root, const char *name, unsigned int line)
{
        struct node *section = node_find(root, name);

        if (!section) {
                section = node_new(NODE_MAP, line);
                if (!section || string_replace(&section->key, name) < 0) {
                        node_free(section);
                        return NULL;
                }
                if (node_add(root, section) < 0) {
                        return NULL;
                }
        }
        return section;
}

static int parse(struct lines *lines, bool sections, struct node *root, struct machine_error *error)
{
        struct node *section = sections ? NULL : root;
        int r = 0;

        while (r == 0 && *lines->text) {
                _cleanup_free_ char *line = next_logical(lines, sections);

                if (!line) {
                        return error_oom(error);
                }
                trim(line);
                if (is_comment(line)) {
                        continue;
                }
                if (sections && line[0] == '[' && string_ends_with(line, "]")) {
                        line[strlen(line) - 1] = '\0';
                        section = open_section(root, line + 1, lines->first);
                        r = section ? 0 : error_oom(error);
                } else if (!section) {
                        r = refuse(lines, "a setting before the first section", error);
                } else {
                        r = add_pair(lines, section, line, error);
                }
        }
        return r;
}

static int parse_root(const char *file, const char *text, bool sections, struct node **ret,
                      struct machine_error *error)
{
        struct lines lines = { .file = file, .text = text };
        _cleanup_node_ struct node *root = node_new(NODE_MAP, 1);
        int r = root ? parse(&lines, sections, root, error) : error_oom(error);

        if (r == 0) {
                *ret = TAKE_PTR(root);
        }
        return r;
}

int document_parse_unit(const char *file, const char *text, struct node **ret,
                        struct machine_error *error)
{
        return parse_root(file, text, true, ret, error);
}

int document_parse_lines(const char *file, const char *text, struct node **ret,
                         struct machine_error *error)
{
        return parse_root(file, text, false, ret, error);
}

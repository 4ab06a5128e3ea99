/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/strings.h"
#include "convert/compose/compose.h"
#include "convert/document/expand.h"
#include "convert/model/values.h"

/* Removes quotes, and a comment after a value without them. */
static void unquote(char *value)
{
        char quote = value[0];
        char *end;

        if (quote == '"' || quote == '\'') {
                end = strchr(value + 1, quote);
                if (end) {
                        *end = '\0';
                        memmove(value, value + 1, strlen(value));
                }
                return;
        }
        end = strstr(value, " #");
        if (end) {
                *end = '\0';
        }
}

static int read_file(struct compose *compose, const char *path, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_node_ struct node *root = NULL;
        int r = document_read(path, &text, NULL, error);

        r = r < 0 ? r : document_parse_lines(path, text, &root, error);
        for (size_t i = 0; r == 0 && i < root->count; i++) {
                const char *name = string_after(root->children[i]->key, "export ");

                unquote(root->children[i]->text);
                r = strv_set_variable(&compose->variables,
                                      string_format("%s=%s", name ? name : root->children[i]->key,
                                                    root->children[i]->text));
                if (r < 0) {
                        return error_oom(error);
                }
        }
        return r;
}

int compose_read_variables(struct compose *compose, struct machine_error *error)
{
        _cleanup_free_ char *usual = path_join(compose->source->directory, ".env");
        int r = 0;

        if (!usual) {
                return error_oom(error);
        }
        if (!compose->source->env_files) {
                return access(usual, F_OK) == 0 ? read_file(compose, usual, error) : 0;
        }
        STRV_FOREACH(path, compose->source->env_files) {
                r = r < 0 ? r : read_file(compose, *path, error);
        }
        return r;
}

const char *compose_variable(const struct compose *compose, const char *name)
{
        const char *value = getenv(name);

        STRV_FOREACH(variable, compose->variables) {
                const char *rest = string_after(*variable, name);

                if (!value && rest && *rest == '=') {
                        value = rest + 1;
                }
        }
        return value ? value : strcmp(name, "PWD") == 0 ? compose->source->directory : NULL;
}

/* ---- Interpolation ---- */

struct place {
        struct compose *compose;
        const struct node *node;
};

static const char *lookup(void *data, const char *name)
{
        const struct place *place = data;

        return compose_variable(place->compose, name);
}

static void missing(void *data, const char *name, const char *message)
{
        const struct place *place = data;
        struct conversion *conversion = place->compose->conversion;
        _cleanup_free_ char *shown = string_format("${%s}", name);

        if (message) {
                convert_begin(conversion, place->compose->file, place->node->line, "${%s}", name);
                convert_lost(conversion, "the variable must have a value: %s",
                             *message ? message : "required");
        } else {
                convert_at(conversion, place->compose->file, place->node->line,
                           shown ? shown : name);
                convert_differs(conversion, NULL, "the variable has no value, and is empty");
        }
}

int compose_interpolate(struct compose *compose, struct node *node)
{
        struct place place = { compose, node };
        const struct expander expander = { lookup, missing, &place };

        if (node->type == NODE_SCALAR && strchr(node->text, '$')) {
                char *text = expand_text(&expander, node->text);

                if (!text) {
                        return -ENOMEM;
                }
                free(node->text);
                node->text = text;
        }
        for (size_t i = 0; i < node->count; i++) {
                if (compose_interpolate(compose, node->children[i]) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

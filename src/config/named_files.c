/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files of a tree that a definition names. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/compare.h"

struct naming {
        const char *tree;
        const struct config_key *key;
        struct config_named_file *files;
        size_t count;
};

static int add_file(struct naming *naming, const char *start, size_t length)
{
        struct config_named_file *grown =
                reallocarray(naming->files, naming->count + 1, sizeof *grown);
        char *path = strndup(start, length);

        if (grown) {
                naming->files = grown;
        }
        if (!grown || !path) {
                free(path);
                return -ENOMEM;
        }
        grown[naming->count++] = (struct config_named_file){ naming->key, path };
        return 0;
}

/* A source of mounts may be several paths with colons between them. */
static int add_paths(struct naming *naming, const char *text)
{
        size_t length = strlen(naming->tree);
        int r = 0;

        for (const char *at = text; r == 0 && (at = strstr(at, naming->tree));) {
                const char *rest = at + length;
                bool first = at == text || at[-1] == ':';
                size_t path = strcspn(rest, ":");

                if (first && *rest == '/') {
                        r = add_file(naming, rest + 1, path - 1);
                } else if (first && path == 0) {
                        r = add_file(naming, "", 0);
                }
                at = rest;
        }
        return r;
}

static int add_all(struct naming *naming, const json_t *value)
{
        const char *name;
        json_t *child;
        size_t i;
        int r = json_is_string(value) ? add_paths(naming, json_string_value(value)) : 0;

        json_array_foreach(value, i, child)
        {
                r = r < 0 ? r : add_all(naming, child);
        }
        json_object_foreach((json_t *)value, name, child)
        {
                r = r < 0 ? r : add_all(naming, child);
        }
        return r;
}

int config_named_files(const struct machine *machine, const char *tree,
                       struct config_named_file **ret, size_t *ret_count)
{
        const struct config_table *table = &config_machine_table;
        struct naming naming = { .tree = tree };
        int r = 0;

        for (size_t i = 0; r == 0 && i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                _cleanup_json_ json_t *value = NULL;

                if (!machine_origin_of(machine, key->name)) {
                        continue;
                }
                naming.key = key;
                r = key->kind->emit(key, machine, &value);
                r = r < 0 ? r : add_all(&naming, value);
        }
        if (r < 0) {
                for (size_t i = 0; i < naming.count; i++) {
                        free(naming.files[i].path);
                }
                free(naming.files);
                return r;
        }
        *ret = naming.files;
        *ret_count = naming.count;
        return 0;
}

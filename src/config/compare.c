/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/config.h"
#include "config/show.h"
#include "config/snapshot.h"

void config_changes_clear(struct config_changes *changes)
{
        for (size_t i = 0; i < changes->count; i++) {
                free(changes->items[i].old);
                free(changes->items[i].new);
        }
        free(changes->items);
        *changes = (struct config_changes){ 0 };
}

/* ---- Values ---- */

/* One side of a comparison. */
struct side {
        json_t *settings;
        json_t *origins;               /* of a snapshot, else NULL */
        const struct machine *machine; /* of a definition, else NULL */
        const char *tree;              /* of the definition, or .. */
        const char *trees;             /* .. the directory of all that it may be from */
};

static json_t *value_of(const struct side *side, const char *name)
{
        const char *point = strchr(name, '.');
        _cleanup_free_ char *group = point ? strndup(name, (size_t)(point - name)) : NULL;

        return group ? json_object_get(json_object_get(side->settings, group), point + 1)
                     : json_object_get(side->settings, name);
}

static bool sets(const struct side *side, const char *name)
{
        return side->machine ? machine_origin_of(side->machine, name) != NULL
                             : json_object_get(side->origins, name) != NULL;
}

/* The length of the path of the side's tree, if one begins here, or 0. */
static size_t tree_length(const struct side *side, const char *text)
{
        const char *rest = string_after(text, side->tree    ? side->tree
                                              : side->trees ? side->trees
                                                            : "\n");
        size_t revision = 0;

        if (rest && !side->tree) {
                revision = *rest == '/' ? strcspn(rest + 1, "/:\"") + 1 : 0;
        }
        return rest && (side->tree || revision > 1) && strchr("/:\"", rest[revision])
                       ? (size_t)(rest - text) + revision
                       : 0;
}

/* A value as text, in which paths below the tree begin with "./". *ret is NULL for no value. */
static int text_of(const struct side *side, const char *name, char **ret)
{
        json_t *value = value_of(side, name);
        _cleanup_free_ char *text = value ? config_value_text(value) : NULL;
        char *out = text;

        if (value && !text) {
                return -ENOMEM;
        }
        for (const char *in = text; in && *in;) {
                size_t length = tree_length(side, in);

                *out++ = length > 0 ? '.' : *in;
                in += length > 0 ? length : 1;
        }
        if (out) {
                *out = '\0';
        }
        *ret = TAKE_PTR(text);
        return 0;
}

/* ---- Machines ---- */

static int note(struct config_changes *changes, const struct config_key *key, char *old, char *new)
{
        struct config_change_of_key *grown =
                reallocarray(changes->items, changes->count + 1, sizeof *grown);

        if (!grown) {
                free(old);
                free(new);
                return -ENOMEM;
        }
        changes->items = grown;
        grown[changes->count++] = (struct config_change_of_key){ key, old, new };
        return 0;
}

static int compare_key(const struct config_key *key, const struct side *old, const struct side *new,
                       struct config_changes *changes)
{
        _cleanup_free_ char *before = NULL, *after = NULL;
        int r;

        if (key->change == CONFIG_CHANGE_UNKNOWN ||
            (!sets(old, key->name) && !sets(new, key->name))) {
                return 0;
        }
        r = text_of(old, key->name, &before);
        r = r < 0 ? r : text_of(new, key->name, &after);
        if (r < 0 || string_equal(before, after)) {
                return r;
        }
        return note(changes, key, TAKE_PTR(before), TAKE_PTR(after));
}

static int compare_sides(const struct side *old, const struct side *new,
                         struct config_changes *changes)
{
        const struct config_table *table = &config_machine_table;
        int r = 0;

        for (size_t i = 0; r == 0 && i < table->count; i++) {
                r = compare_key(&table->keys[i], old, new, changes);
        }
        return r;
}

/* Whether a snapshot has the same text as the settings of the other side, apart from where the
 * trees are: then nothing has to be read. */
static bool has_text(const struct side *old, const char *snapshot, const struct side *new,
                     const char *settings)
{
        const char *a = string_after(snapshot, "{\"settings\":"), *b = settings;

        while (a && *b) {
                size_t left = *a == '/' ? tree_length(old, a) : 0;
                size_t right = *b == '/' ? tree_length(new, b) : 0;

                if (!left != !right || (!left && *a != *b)) {
                        return false;
                }
                a += left ? left : 1;
                b += right ? right : 1;
        }
        return a && *a == ',';
}

/* What another version of this program wrote may look different and mean the same: this version
 * reads it again. */
static int compare_again(const json_t *snapshot, const char *trees, const struct side *new,
                         struct config_changes *ret)
{
        _cleanup_(config_changes_clear) struct config_changes changes = { 0 };
        _cleanup_json_ json_t *settings = NULL;
        struct machine *machine = NULL;
        struct side old = { .trees = trees };
        int r = config_snapshot_machine(snapshot, new->machine->name, &machine);

        /* A key that this version lacks is a change. */
        if (r < 0) {
                return r == -ENOMEM ? r : 0;
        }
        r = config_machine_json(machine, true, &settings);
        old.settings = settings;
        old.machine = machine;
        r = r < 0 ? r : compare_sides(&old, new, &changes);
        machine_free(machine);
        if (r == 0) {
                config_changes_clear(ret);
                *ret = changes;
                changes = (struct config_changes){ 0 };
        }
        return r;
}

static int compare_parsed(const struct config_running *running, const struct side *new,
                          struct config_changes *ret)
{
        _cleanup_config_changes_ struct config_changes changes = { 0 };
        _cleanup_json_ json_t *snapshot =
                json_loads(running->snapshot, JSON_REJECT_DUPLICATES, NULL);
        struct side old = { .settings = json_object_get(snapshot, "settings"),
                            .origins = json_object_get(snapshot, "origins"),
                            .trees = running->trees };
        int r;

        if (!json_is_object(old.settings) || !json_is_object(old.origins)) {
                return -EBADMSG;
        }
        r = compare_sides(&old, new, &changes);
        if (r == 0 && changes.count > 0) {
                r = compare_again(snapshot, running->trees, new, &changes);
        }
        if (r < 0) {
                return r;
        }
        *ret = changes;
        changes = (struct config_changes){ 0 };
        return 0;
}

int config_compare(const struct config_running *running, const struct machine *machine,
                   const char *tree, struct config_changes *ret)
{
        const struct side old = { .trees = running->trees };
        struct side new = { .machine = machine, .tree = tree };
        _cleanup_json_ json_t *settings = NULL;
        _cleanup_free_ char *text = NULL;
        int r = config_machine_json(machine, true, &settings);

        if (r < 0) {
                return r;
        }
        new.settings = settings;
        text = json_dumps(settings, JSON_COMPACT);
        if (!text) {
                return -ENOMEM;
        }
        return has_text(&old, running->snapshot, &new, text) ? 0
                                                             : compare_parsed(running, &new, ret);
}

/* ---- Networks ---- */

int config_networks_equal(const struct network_definition *a, const struct network_definition *b)
{
        const struct config_table *table = &config_network_table;

        for (size_t i = 0; i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                _cleanup_json_ json_t *left = NULL, *right = NULL;

                if (key->kind->emit(key, a, &left) < 0 || key->kind->emit(key, b, &right) < 0) {
                        return -ENOMEM;
                }
                if (left != right && !json_equal(left, right)) {
                        return 0;
                }
        }
        return 1;
}

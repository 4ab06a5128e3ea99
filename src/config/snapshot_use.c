/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making a machine from a snapshot, and a snapshot that follows a definition. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/compare.h"
#include "config/config.h"
#include "config/show.h"

/* Removes what the definition did not set. Returns a new reference, or NULL. */
static json_t *only_set(json_t *settings, json_t *origins, const char *prefix)
{
        _cleanup_json_ json_t *kept = json_object();
        const char *name;
        json_t *value;

        json_object_foreach(settings, name, value)
        {
                _cleanup_free_ char *full = string_format("%s%s", prefix, name);
                _cleanup_free_ char *group = string_format("%s%s.", prefix, name);
                json_t *child = NULL;

                if (!full || !group) {
                        return NULL;
                }
                if (json_object_get(origins, full)) {
                        child = json_incref(value);
                } else if (json_is_object(value)) {
                        child = only_set(value, origins, group);
                        if (child && json_object_size(child) == 0) {
                                json_decref(child);
                                continue;
                        }
                } else {
                        continue;
                }
                if (json_set_value(kept, name, child) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(kept);
}

static int definition_text(const json_t *snapshot, char **ret)
{
        json_t *settings = json_object_get(snapshot, "settings");
        _cleanup_json_ json_t *kept = NULL;
        _cleanup_free_ char *text = NULL;
        size_t length;

        if (!json_is_object(settings)) {
                return -EBADMSG;
        }
        kept = only_set(settings, json_object_get(snapshot, "origins"), "");
        text = kept ? config_value_text(kept) : NULL;
        if (!text) {
                return -ENOMEM;
        }
        /* A definition is a group without its braces. */
        length = strlen(text);
        text[0] = ' ';
        text[length - 1] = ' ';
        *ret = TAKE_PTR(text);
        return 0;
}

/* Takes over one key: its value and its place, or that it has none. */
static int follow_key(json_t *settings, json_t *origins, const struct config_key *key,
                      const struct machine *machine, json_t *places)
{
        const char *point = strchr(key->name, '.');
        _cleanup_free_ char *group = point ? strndup(key->name, (size_t)(point - key->name)) : NULL;
        json_t *place = json_object_get(places, key->name);
        json_t *value = NULL, *holder = settings;

        if (key->kind->emit(key, machine, &value) < 0) {
                return -ENOMEM;
        }
        if (group && !json_object_get(settings, group) &&
            json_set_value(settings, group, json_object()) < 0) {
                json_decref(value);
                return -ENOMEM;
        }
        holder = group ? json_object_get(settings, group) : settings;
        (void)json_object_del(holder, point ? point + 1 : key->name);
        (void)json_object_del(origins, key->name);
        if (value && json_set_value(holder, point ? point + 1 : key->name, value) < 0) {
                return -ENOMEM;
        }
        return place ? json_set_value(origins, key->name, json_incref(place)) : 0;
}

char *config_snapshot_follow(const char *snapshot, const struct machine *machine, bool mounts)
{
        const struct config_table *table = &config_machine_table;
        _cleanup_json_ json_t *object = json_loads(snapshot, JSON_REJECT_DUPLICATES, NULL);
        _cleanup_json_ json_t *places = config_origins_json(machine);
        json_t *settings = json_object_get(object, "settings");
        json_t *origins = json_object_get(object, "origins");

        if (!json_is_object(settings) || !json_is_object(origins) || !places) {
                return NULL;
        }
        for (size_t i = 0; i < table->count; i++) {
                const struct config_key *key = &table->keys[i];

                if ((key->change == CONFIG_CHANGE_LIVE || key->change == CONFIG_CHANGE_LIMIT ||
                     (mounts && strcmp(key->name, "mounts") == 0)) &&
                    follow_key(settings, origins, key, machine, places) < 0) {
                        return NULL;
                }
        }
        return json_dumps(object, JSON_COMPACT);
}

int config_snapshot_machine(const json_t *snapshot, const char *name, struct machine **ret)
{
        _cleanup_free_ char *text = NULL;
        struct machine *machine = NULL;
        int r = definition_text(snapshot, &text);

        r = r < 0 ? r : config_load_text(name, text, &machine);
        r = r < 0 ? r
                  : string_replace(&machine->definition, json_get_string(snapshot, "definition"));
        if (r < 0) {
                machine_free(machine);
                return r;
        }
        *ret = machine;
        return 0;
}

int config_snapshot_load(const char *snapshot, const char *name, struct machine **ret)
{
        _cleanup_json_ json_t *object = json_loads(snapshot, JSON_REJECT_DUPLICATES, NULL);

        return config_snapshot_machine(object, name, ret);
}

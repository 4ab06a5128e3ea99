/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/kinds/key.h"
#include "config/show.h"

static json_t *whole(const struct machine *machine)
{
        _cleanup_json_ json_t *object = json_object();
        json_t *settings = NULL;

        if (!object || config_machine_json(machine, true, &settings) < 0 ||
            json_set_value(object, "settings", settings) < 0 ||
            json_set_value(object, "origins", config_origins_json(machine)) < 0) {
                return NULL;
        }
        /* JSON has no paths that are not UTF-8. */
        (void)json_set_string(object, "definition", machine->definition);
        return TAKE_PTR(object);
}

char *config_snapshot(const struct machine *machine)
{
        _cleanup_json_ json_t *object = whole(machine);

        return object ? json_dumps(object, JSON_COMPACT) : NULL;
}

int config_digest(const struct machine *machine, char ret[static CONFIG_DIGEST_SIZE])
{
        _cleanup_json_ json_t *settings = NULL;
        _cleanup_free_ char *text = NULL;

        if (config_machine_json(machine, true, &settings) < 0) {
                return -ENOMEM;
        }
        text = json_dumps(settings, JSON_COMPACT | JSON_SORT_KEYS);
        if (!text) {
                return -ENOMEM;
        }
        snprintf(ret, CONFIG_DIGEST_SIZE, "%016" PRIx64, string_hash(text, strlen(text)));
        return 0;
}

json_t *config_snapshot_settings(const char *snapshot)
{
        _cleanup_json_ json_t *object = json_loads(snapshot, JSON_REJECT_DUPLICATES, NULL);

        return json_incref(json_object_get(object, "settings"));
}

json_t *config_snapshot_origins(const char *snapshot)
{
        _cleanup_json_ json_t *object = json_loads(snapshot, JSON_REJECT_DUPLICATES, NULL);

        return json_incref(json_object_get(object, "origins"));
}

/* The value of a full name ("limits.memory") in an object of groups. Borrowed. */
static json_t *value_of(json_t *settings, const char *name)
{
        const char *point = strchr(name, '.');
        _cleanup_free_ char *group = point ? strndup(name, (size_t)(point - name)) : NULL;

        if (!point) {
                return json_object_get(settings, name);
        }
        return group ? value_of(json_object_get(settings, group), point + 1) : NULL;
}

static json_t *copy_or_null(json_t *value)
{
        return value ? json_incref(value) : json_null();
}

/* Appends an element if the values for a key differ. 0 or -ENOMEM. */
static int compare_key(json_t *array, const char *name, json_t *old, json_t *new)
{
        json_t *old_value = value_of(json_object_get(old, "settings"), name);
        json_t *new_value = value_of(json_object_get(new, "settings"), name);
        json_t *old_place = json_object_get(json_object_get(old, "origins"), name);
        json_t *new_place = json_object_get(json_object_get(new, "origins"), name);
        json_t *element;

        /* A key that the program which wrote the snapshot did not know yet, and that is not set. */
        if (!old_value && !new_place) {
                return 0;
        }
        /* A group has no value of its own; its keys are compared one by one. */
        if (old_value == new_value || json_is_object(old_value) || json_is_object(new_value) ||
            json_equal(old_value, new_value)) {
                return 0;
        }
        element = json_object();
        if (json_array_append_new(array, element) < 0 ||
            json_set_string(element, "key", name) < 0 ||
            json_set_value(element, "old", copy_or_null(old_value)) < 0 ||
            json_set_value(element, "new", copy_or_null(new_value)) < 0 ||
            json_set_value(element, "old_place", copy_or_null(old_place)) < 0 ||
            json_set_value(element, "new_place", copy_or_null(new_place)) < 0) {
                return -ENOMEM;
        }
        return 0;
}

int config_differences(const char *snapshot, const struct machine *machine, json_t **ret)
{
        const struct config_table *table = &config_machine_table;
        _cleanup_json_ json_t *old = json_loads(snapshot, JSON_REJECT_DUPLICATES, NULL);
        _cleanup_json_ json_t *new = whole(machine);
        _cleanup_json_ json_t *array = json_array();
        int r = 0;

        if (!json_is_object(json_object_get(old, "settings"))) {
                return -EBADMSG;
        }
        if (!new || !array) {
                return -ENOMEM;
        }
        for (size_t i = 0; r == 0 && i < table->count; i++) {
                r = compare_key(array, table->keys[i].name, old, new);
        }
        if (r == 0) {
                *ret = TAKE_PTR(array);
        }
        return r;
}

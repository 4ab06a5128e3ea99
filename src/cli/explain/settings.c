/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/settings.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/show.h"

void settings_clear(struct settings *settings)
{
        json_decref(settings->values);
        json_decref(settings->origins);
        *settings = (struct settings){ 0 };
}

json_t *settings_place(const struct settings *settings, const char *key)
{
        return json_object_get(settings->origins, key);
}

/* What is listed, and where to. */
struct listing {
        const struct settings *settings;
        bool defaults;
        json_t *array;
};

static int append_value(const struct listing *listing, const char *key, const json_t *value)
{
        json_t *place = settings_place(listing->settings, key);
        _cleanup_free_ char *text = config_value_text(value);
        _cleanup_json_ json_t *object = json_object();

        if (!place && !listing->defaults) {
                return 0;
        }
        if (!text || json_set_string(object, "key", key) < 0 ||
            json_set_string(object, "value", text) < 0 ||
            (place && json_object_update(object, place) < 0)) {
                return -ENOMEM;
        }
        return json_array_append_new(listing->array, TAKE_PTR(object)) < 0 ? -ENOMEM : 0;
}

static int append_group(const struct listing *listing, const char *group, json_t *members)
{
        const char *name;
        json_t *value;

        json_object_foreach(members, name, value)
        {
                _cleanup_free_ char *key = string_format("%s.%s", group, name);

                if (!key || append_value(listing, key, value) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int append_key(const struct listing *listing, const char *key)
{
        const struct settings *settings = listing->settings;
        const char *point = strchr(key, '.');
        _cleanup_free_ char *group = point ? strndup(key, (size_t)(point - key)) : NULL;
        json_t *value;

        if (point && !group) {
                return -ENOMEM;
        }
        value = json_object_get(settings->values, point ? group : key);
        value = point ? json_object_get(value, point + 1) : value;
        if (!value) {
                return 0;
        }
        return json_is_object(value) && !settings_place(settings, key)
                       ? append_group(listing, key, value)
                       : append_value(listing, key, value);
}

json_t *settings_of_keys(const struct settings *settings, const char *keys, bool defaults)
{
        _cleanup_json_ json_t *array = json_array();
        const struct listing listing = { settings, defaults, array };
        _cleanup_strv_ char **words = NULL;

        if (!array || (keys && strv_split(keys, ' ', &words) < 0)) {
                return NULL;
        }
        STRV_FOREACH(word, words) {
                if (append_key(&listing, *word) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

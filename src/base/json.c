/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json.h"

#include <errno.h>

#include "base/strings.h"

int json_set_value(json_t *object, const char *key, json_t *value)
{
        return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

int json_set_string(json_t *object, const char *key, const char *value)
{
        return json_set_value(object, key, value ? json_string(value) : json_null());
}

int json_set_number(json_t *object, const char *key, uint64_t value)
{
        /* JSON numbers of jansson are signed: a larger one would come back negative. */
        if (value > INT64_MAX) {
                return -ERANGE;
        }
        return json_set_value(object, key, json_integer((json_int_t)value));
}

int json_set_boolean(json_t *object, const char *key, int value)
{
        return json_set_value(object, key, json_boolean(value));
}

int json_set_strings(json_t *object, const char *key, char *const *values)
{
        _cleanup_json_ json_t *array = json_array();

        if (!array) {
                return -ENOMEM;
        }
        STRV_FOREACH(value, values) {
                if (json_array_append_new(array, json_string(*value)) < 0) {
                        return -ENOMEM;
                }
        }
        return json_set_value(object, key, TAKE_PTR(array));
}

const char *json_get_string(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

int json_get_number(const json_t *object, const char *key, uint64_t *ret)
{
        const json_t *value = json_object_get(object, key);

        if (!value) {
                return -ENOENT;
        }
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
                return -EINVAL;
        }
        *ret = (uint64_t)json_integer_value(value);
        return 0;
}

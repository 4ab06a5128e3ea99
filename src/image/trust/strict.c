/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/strict.h"

#include "base/error.h"
#include "base/strings.h"

int strict_check_keys(const json_t *object, const char *const *keys, struct machine_error *error)
{
        const char *key;
        json_t *value;

        if (!json_is_object(object)) {
                return error_say(error, EINVAL, "expected an object");
        }
        json_object_foreach((json_t *)object, key, value)
        {
                if (!strv_contains((char *const *)keys, key)) {
                        _cleanup_free_ char *printable = string_printable(key);

                        return error_say(error, EINVAL, "unknown key \"%s\"",
                                         printable ? printable : "");
                }
        }
        return 0;
}

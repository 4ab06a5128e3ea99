/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdint.h>

#include <jansson.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(json_t *, json_decref, cleanup_json)
#define _cleanup_json_ _cleanup_(cleanup_json)

/** Sets a string, or null for NULL. 0 or -ENOMEM (also for text that is not UTF-8). */
int json_set_string(json_t *object, const char *key, const char *value);

/** Sets a number. 0, -ENOMEM, or -ERANGE for one beyond 63 bits. */
int json_set_number(json_t *object, const char *key, uint64_t value);

/** Sets a boolean. 0 or -ENOMEM. */
int json_set_boolean(json_t *object, const char *key, int value);

/** Sets an array of strings. 0 or -ENOMEM. */
int json_set_strings(json_t *object, const char *key, char *const *values);

/** Sets any value and takes its reference, also on failure. 0 or -ENOMEM (also for NULL). */
int json_set_value(json_t *object, const char *key, json_t *value);

/** The string at a key, or NULL where there is none or it is something else. Borrowed. */
const char *json_get_string(const json_t *object, const char *key);

/** The number at a key. 0, -ENOENT where there is none, -EINVAL where it is not a whole number >=
 * 0. */
int json_get_number(const json_t *object, const char *key, uint64_t *ret);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(json_t *, json_decref, cleanup_json)
#define _cleanup_json_ _cleanup_(cleanup_json)

/** Sets a string, or null for NULL. Returns 0 or -ENOMEM (also for text that is not UTF-8). */
int json_set_string(json_t *object, const char *key, const char *value);

/** Sets a number. Returns 0, -ENOMEM, or -ERANGE if it exceeds 63 bits. */
int json_set_number(json_t *object, const char *key, uint64_t value);

/** Sets a boolean. Returns 0 or -ENOMEM. */
int json_set_boolean(json_t *object, const char *key, int value);

/** Sets an array of strings. Returns 0 or -ENOMEM. */
int json_set_strings(json_t *object, const char *key, char *const *values);

/** Sets a value and takes its reference, even on failure. Returns 0 or -ENOMEM (also for NULL). */
int json_set_value(json_t *object, const char *key, json_t *value);

/** Parses a document without duplicate keys. Integers of 64 bits without a sign are kept, which the
 * library does not have: they become strings that json_to_number() understands. NULL with
 * *ret_error set. The caller owns the result. */
json_t *json_parse(const char *text, size_t length, json_error_t *ret_error);

/** Gets an integer >= 0 of up to 64 bits from a value of a parsed document. Returns 0 or -EINVAL.
 */
int json_to_number(const json_t *value, uint64_t *ret);

/** Whether the value is an integer, of the library's or of 64 bits. */
bool json_is_number64(const json_t *value);

/** Returns the string at a key, or NULL if there is none or it has another type. Borrowed. */
const char *json_get_string(const json_t *object, const char *key);

/** Gets the number at a key. Returns 0, -ENOENT if there is none, or -EINVAL if it is not an
 * integer >= 0. */
int json_get_number(const json_t *object, const char *key, uint64_t *ret);

#endif

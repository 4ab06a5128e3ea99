/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
        /* jansson's numbers are signed: a larger one would become negative. */
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
        return json_to_number(value, ret);
}

/* ---- Integers above the library's maximum ---- */

/* In front of the digits of such an integer, which is a string in the library's tree. */
#define BIG_PREFIX "\x01uint64:"
/* The same in the document. */
#define BIG_BEGIN "\"\\u0001uint64:"
#define BIG_END   "\""

static const char *big_digits(const json_t *value)
{
        const char *text = json_string_value(value);

        return text ? string_after(text, BIG_PREFIX) : NULL;
}

bool json_is_number64(const json_t *value)
{
        return json_is_integer(value) || big_digits(value);
}

int json_to_number(const json_t *value, uint64_t *ret)
{
        const char *digits = big_digits(value);

        if (digits) {
                char *end;

                errno = 0;
                *ret = strtoull(digits, &end, 10);
                return errno || *end || !*digits ? -EINVAL : 0;
        }
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
                return -EINVAL;
        }
        *ret = (uint64_t)json_integer_value(value);
        return 0;
}

/* The length of an integer at a place in the text if it fits 64 bits but not the library; else 0.
 */
static size_t big_integer(const char *at, size_t left)
{
        uint64_t value = 0;
        size_t length = 0;

        while (length < left && at[length] >= '0' && at[length] <= '9') {
                unsigned int digit = (unsigned int)(at[length] - '0');

                if (__builtin_mul_overflow(value, 10U, &value) ||
                    __builtin_add_overflow(value, digit, &value)) {
                        return 0;
                }
                length++;
        }
        /* A fraction or an exponent makes it another number. */
        if (length < left && strchr(".eE", at[length])) {
                return 0;
        }
        return value > INT64_MAX ? length : 0;
}

/* The length of a token: a string, a number or word, or a single character. */
static size_t token_length(const char *at, size_t left)
{
        size_t length = 1;

        if (*at == '"') {
                while (length < left && at[length] != '"') {
                        length += at[length] == '\\' ? 2 : 1;
                }
                return length < left ? length + 1 : left;
        }
        if (strchr("{}[],: \t\r\n", *at)) {
                return 1;
        }
        while (length < left && !strchr("{}[],: \t\r\n\"", at[length])) {
                length++;
        }
        return length;
}

json_t *json_parse(const char *text, size_t length, json_error_t *ret_error)
{
        size_t room = 0, done = 0;
        _cleanup_free_ char *copy = NULL;
        char *out;

        for (size_t at = 0; at < length; at += token_length(text + at, length - at)) {
                room += big_integer(text + at, length - at) ? strlen(BIG_BEGIN BIG_END) : 0;
        }
        if (room == 0) {
                return json_loadb(text, length, JSON_REJECT_DUPLICATES, ret_error);
        }
        copy = malloc(length + room);
        if (!copy) {
                *ret_error = (json_error_t){ .line = 1, .text = "out of memory" };
                return NULL;
        }
        out = copy;
        while (done < length) {
                size_t token = token_length(text + done, length - done);
                bool big = big_integer(text + done, length - done) > 0;

                out = big ? stpcpy(out, BIG_BEGIN) : out;
                out = mempcpy(out, text + done, token);
                out = big ? stpcpy(out, BIG_END) : out;
                done += token;
        }
        return json_loadb(copy, (size_t)(out - copy), JSON_REJECT_DUPLICATES, ret_error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_STRINGS_H
#define BASE_STRINGS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

/* Strings and NULL-terminated arrays of them ("strv"). A NULL array is an empty one. */

/** Whether two strings are equal; NULL equals NULL alone. */
bool string_equal(const char *a, const char *b);

/** What follows the prefix in the string, or NULL where the string does not begin with it. */
const char *string_after(const char *string, const char *prefix);

/** Whether the string ends with the suffix. */
bool string_ends_with(const char *string, const char *suffix);

/** asprintf(3) that returns the string, or NULL when memory is short. The caller frees it. */
char *string_format(const char *format, ...) _printf_(1, 2);

/** The same with the arguments of a caller that has such, which may be gone through once. */
char *string_format_list(const char *format, va_list arguments) _printf_(1, 0);

/** Replaces an owned string with a copy of another (NULL: with NULL). 0 or -ENOMEM. */
int string_replace(char **place, const char *value);

/** A copy in which control characters and invalid UTF-8 are escaped as \xNN, fit for a terminal.
 *  NULL when memory is short. The caller frees it. */
char *string_printable(const char *string);

/** The length in bytes of the valid UTF-8 sequence (RFC 3629) that the string begins with; 0 where
 * it is not UTF-8. The string is not empty. */
size_t string_utf8_length(const char *string);

/** A 64-bit FNV-1a hash, stable across runs and machines. Not for hostile keys. */
uint64_t string_hash(const void *data, size_t length);

size_t strv_length(char *const *strings);
void strv_free(char **strings);
/** A deep copy; NULL when memory is short or for NULL. */
char **strv_copy(char *const *strings);
/** Appends a copy. 0 or -ENOMEM. */
int strv_append(char ***strings, const char *string);
/** Appends and takes ownership, also on failure. 0 or -ENOMEM (also for a NULL string). */
int strv_take(char ***strings, char *string);
bool strv_contains(char *const *strings, const char *string);
/** The array joined by the separator, "" for an empty one; NULL when memory is short. */
char *strv_join(char *const *strings, const char *separator);
/** Splits at each separator character, keeping empty parts. 0 or -ENOMEM. */
int strv_split(const char *string, char separator, char ***ret);

#define STRV_FOREACH(iterator, strings) \
        for (char *const *iterator = (strings); iterator && *iterator; iterator++)

DEFINE_CLEANUP(char **, strv_free, cleanup_strv)
#define _cleanup_strv_ _cleanup_(cleanup_strv)

#endif

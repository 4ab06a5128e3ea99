/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_STRINGS_H
#define BASE_STRINGS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

/* Strings and NULL-terminated arrays of strings ("strv"). A NULL array is empty. */

/** Whether two strings are equal; NULL only equals NULL. */
bool string_equal(const char *a, const char *b);

/** The part of the string after the prefix, or NULL if it does not begin with the prefix. */
const char *string_after(const char *string, const char *prefix);

/** Whether the string ends with the suffix. */
bool string_ends_with(const char *string, const char *suffix);

/** asprintf(3) that returns the string, or NULL if out of memory. The caller frees it. */
char *string_format(const char *format, ...) _printf_(1, 2);

/** The same with a va_list, which is consumed. */
char *string_format_list(const char *format, va_list arguments) _printf_(1, 0);

/** In a variadic function: the string from its format, the last named parameter, and its arguments.
 */
#define STRING_OF_ARGUMENTS(format)                               \
        ({                                                        \
                va_list _arguments;                               \
                char *_string;                                    \
                va_start(_arguments, format);                     \
                _string = string_format_list(format, _arguments); \
                va_end(_arguments);                               \
                _string;                                          \
        })

/** Replaces an owned string with a copy of another (may be NULL). Returns 0 or -ENOMEM. */
int string_replace(char **place, const char *value);

/** A copy in which control characters and invalid UTF-8 are escaped as \xNN, safe for a terminal.
 * NULL if out of memory. The caller frees it. */
char *string_printable(const char *string);

/** A copy that a shell reads as one word, for commands in messages: quoted if necessary. NULL if
 * out of memory. The caller frees it. */
char *string_shell_quoted(const char *string);

/** The length in bytes of the valid UTF-8 sequence (RFC 3629) at the start of a non-empty string; 0
 * if it is not UTF-8. */
size_t string_utf8_length(const char *string);

/** A 64-bit FNV-1a hash, stable across runs and machines. Not for hostile keys. */
uint64_t string_hash(const void *data, size_t length);

size_t strv_length(char *const *strings);
void strv_free(char **strings);
/** A deep copy; NULL if out of memory or for NULL. */
char **strv_copy(char *const *strings);
/** Appends a copy. Returns 0 or -ENOMEM. */
int strv_append(char ***strings, const char *string);
/** Appends a string and takes ownership, even on failure. Returns 0 or -ENOMEM (also for a NULL
 * string). */
int strv_take(char ***strings, char *string);
/** Sorts in byte order. */
void strv_sort(char **strings);
bool strv_contains(char *const *strings, const char *string);
/** The strings joined by the separator, "" for an empty array; NULL if out of memory. */
char *strv_join(char *const *strings, const char *separator);
/** Splits at each separator character, keeping empty parts. Returns 0 or -ENOMEM. */
int strv_split(const char *string, char separator, char ***ret);

/** Adds "KEY=VALUE" or replaces an earlier entry of the same key. Takes the string, even on
 * failure. 0 or -ENOMEM (also for NULL). */
int strv_set_variable(char ***environment, char *entry);

#define STRV_FOREACH(iterator, strings) \
        for (char *const *iterator = (strings); iterator && *iterator; iterator++)

DEFINE_CLEANUP(char **, strv_free, cleanup_strv)
#define _cleanup_strv_ _cleanup_(cleanup_strv)

#endif

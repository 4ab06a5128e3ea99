/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_EXPLAIN_SETTINGS_H
#define CLI_EXPLAIN_SETTINGS_H

#include <stdbool.h>

#include <jansson.h>

/** The keys that a definition sets, in the form of config/show.h. NULL: not known. */
struct settings {
        json_t *values;
        json_t *origins;
};

void settings_clear(struct settings *settings);

#define _cleanup_settings_ _cleanup_(settings_clear)

/**
 * The settings under the given keys, separated by blanks, the name of a group for all of its keys:
 * an array of objects "key", "value" (in the syntax of definitions), "file" and "line". Keys that
 * are not set are left out or, with `defaults`, have no file and line. NULL if out of memory; the
 * caller frees it.
 */
json_t *settings_of_keys(const struct settings *settings, const char *keys, bool defaults);

/** The place where a key is set: { "file", "line" }, or NULL. Borrowed. */
json_t *settings_place(const struct settings *settings, const char *key);

#endif

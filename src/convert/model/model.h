/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_MODEL_MODEL_H
#define CONVERT_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/cleanup.h"

/**
 * What a conversion produces: definitions as lists of settings under the key names of the format,
 * each with its place in the source, and notes about what was lost or means something else.
 *
 * The functions do not return errors. Memory that runs out, or a source with too many settings,
 * sets `failed`, which the caller checks once at the end.
 */

/** The place of a setting in its source. */
struct convert_place {
        char *file;
        unsigned int line; /* 0: unknown */
        char *name;        /* as the source calls it, "services.web.image" */
        size_t number;     /* of the source's setting, from 1; 0: none */
};

/** A setting of a definition, or one element of a list. */
struct convert_setting {
        char *key; /* "limits.memory" */
        json_t *value;
        bool element;
        struct convert_place place;
};

enum convert_note_kind {
        CONVERT_DIFFERS, /* kept, but it means something else */
        CONVERT_LOST,
};

struct convert_note {
        enum convert_note_kind kind;
        struct convert_place place;
        char *text;
        char *key; /* the key that it is about, or NULL */
};

/** A definition: NAME.machine, .pod, .network or .volume. */
struct convert_file {
        char *name;
        const char *suffix;
        char *origin;  /* for the heading: "compose.yaml, service \"web\"" */
        char *content; /* of a file that is no definition, which has no settings; else NULL */
        struct convert_setting *settings;
        size_t setting_count;
        struct convert_note *notes;
        size_t note_count;
};

struct conversion {
        struct convert_file **files;
        size_t count;
        struct convert_file *file;   /* the one that settings and notes go to */
        struct convert_file general; /* has notes that belong to no file, and no settings */
        struct convert_place here;   /* the setting of the source that is being read */
        size_t settings;             /* of the source, so far */
        size_t held;                 /* settings and notes, to limit them */
        int failed;                  /* 0, -ENOMEM or -E2BIG */
};

void conversion_clear(struct conversion *conversion);
#define _cleanup_conversion_ _cleanup_(conversion_clear)

/** Begins a file and makes it the current one. A name that definitions cannot have is changed,
 * with a note; a name that is taken gets a number. Returns the file, or NULL on failure. */
struct convert_file *convert_open(struct conversion *conversion, const char *name,
                                  const char *suffix, const char *origin);

/** Removes a file that is not needed after all. */
void convert_close(struct conversion *conversion, struct convert_file *file);

/** The file of a name and suffix, or NULL. */
struct convert_file *convert_find(const struct conversion *conversion, const char *name,
                                  const char *suffix);

/** A name as definitions can have it: other characters become "-". NULL if memory is short. */
char *convert_name(const char *name);

/** Counts a setting of the source and makes it the place of what follows. */
void convert_begin(struct conversion *conversion, const char *file, unsigned int line,
                   const char *format, ...) _printf_(4, 5);

/** Makes a place that of what follows, without counting a setting. */
void convert_at(struct conversion *conversion, const char *file, unsigned int line,
                const char *name);

/** Sets a key of the current file; a later value replaces an earlier one. Takes the value. */
void convert_value(struct conversion *conversion, const char *key, json_t *value);
void convert_text(struct conversion *conversion, const char *key, const char *text);
void convert_number(struct conversion *conversion, const char *key, long long number);
void convert_boolean(struct conversion *conversion, const char *key, bool value);

/** Appends an element to a list. Takes the value. */
void convert_add_value(struct conversion *conversion, const char *key, json_t *value);
void convert_add(struct conversion *conversion, const char *key, const char *text);

/** The value of a key, or the first element of a list; NULL if it is not set. Borrowed. */
const json_t *convert_get(const struct conversion *conversion, const char *key);

/** Removes a key with all elements. */
void convert_unset(struct conversion *conversion, const char *key);

/** Notes that a setting means something else here. */
void convert_differs(struct conversion *conversion, const char *key, const char *format, ...)
        _printf_(3, 4);

/** Notes that a setting was lost. */
void convert_lost(struct conversion *conversion, const char *format, ...) _printf_(2, 3);

/** Drops a setting of a file, which is lost for a reason. */
void convert_drop(struct conversion *conversion, struct convert_file *file, size_t index,
                  const char *reason);

/** How many settings of the source were lost, each counted once. */
size_t convert_count_lost(const struct conversion *conversion);

#endif

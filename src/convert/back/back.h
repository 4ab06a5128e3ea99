/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_BACK_BACK_H
#define CONVERT_BACK_BACK_H

#include <machine/machine.h>

#include "base/error.h"
#include "convert/arguments.h"
#include "convert/model/model.h"

/** Definitions in other formats: `convert --to quadlet|nspawn|oci M`. */

#define BACK_SECTIONS_MAXIMUM 5

/** A section of a unit file that is being written. */
struct back_section {
        const char *name;
        char **lines;
};

/** One definition on its way back. */
struct back {
        struct conversion *conversion; /* for notes and counts */
        const struct machine *machine;
        struct back_section sections[BACK_SECTIONS_MAXIMUM]; /* of unit files */
        json_t *document;                                    /* of a bundle */
};

struct back_row {
        const char *key; /* of the format */
        void (*take)(struct back *back, const struct back_row *row, const json_t *value);
        const char *section; /* of unit files */
        const char *name;    /* of the setting there */
        const char *text;    /* why it is lost; or what stands before the value */
};

struct back_target {
        const char *name;
        const char *suffix;
        const struct back_row *rows; /* terminated by one without a key */
        void (*finish)(struct back *back);
        char *(*write)(struct back *back); /* NULL if memory is short */
};

extern const struct back_target back_quadlet;
extern const struct back_target back_nspawn;
extern const struct back_target back_oci;

/** Converts the definition that the arguments name, and writes the result. */
int back_convert(const struct arguments *arguments, struct conversion *conversion,
                 struct machine_error *error);

/* ---- Unit files ---- */

/** Adds "NAME=TEXT" to a section. */
void back_line(struct back *back, const char *section, const char *name, const char *format, ...)
        _printf_(4, 5);

/** The sections with their lines. */
char *back_write_units(struct back *back);

#define BACK_TAKE(take_name)                                                      \
        void back_take_##take_name(struct back *back, const struct back_row *row, \
                                   const json_t *value)
BACK_TAKE(text);     /* a string, number or boolean */
BACK_TAKE(each);     /* the same for each element */
BACK_TAKE(quoted);   /* each element as a quoted word */
BACK_TAKE(words);    /* all elements in one line, quoted */
BACK_TAKE(joined);   /* all elements in one line, separated by blanks */
BACK_TAKE(seconds);  /* a time */
BACK_TAKE(option);   /* PodmanArgs=--NAME=VALUE, or without a value */
BACK_TAKE(resource); /* "name=SOFT:HARD" */
BACK_TAKE(lost);
BACK_TAKE(no_effect);

/** A value as plain text: of a string, a number or a boolean. NULL if memory is short. */
char *back_text(const json_t *value);

/** A time in whole seconds. */
unsigned long long back_seconds(const char *text);

/** A size in bytes; 0 if it has no limit. */
unsigned long long back_bytes(const json_t *value);

/** The value of a key, or NULL if the definition does not set it. The caller frees it. */
json_t *back_get(const struct back *back, const char *key);

#endif

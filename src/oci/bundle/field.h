/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OCI_BUNDLE_FIELD_H
#define OCI_BUNDLE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>
#include <machine/machine.h>

#include "base/json.h"
#include "oci/bundle/bundle.h"

/*
 * The fields of config.json as tables: one for each kind of object. The reader walks through a
 * document along them, checks types and presence, and calls what takes a value. It reports fields
 * that no table has, which the runtime specification ("Extensibility") requires to be ignored; a
 * field that a table has is either done or refused.
 */

enum oci_type {
        OCI_STRING,
        OCI_BOOLEAN,
        OCI_INTEGER,
        OCI_STRINGS,  /* an array of strings */
        OCI_INTEGERS, /* an array of integers */
        OCI_OBJECT,   /* with `fields` */
        OCI_LIST,     /* an array of objects with `fields` */
        OCI_MAP,      /* an object with any keys, whose values are read as `value` is */
};

struct oci_reader;

struct oci_field {
        const char *name;
        enum oci_type type;
        bool required;
        /** Takes the value: of a list, each element, and of a map, each value (reader->key is its
         * key). Called before the fields of an object. NULL: nothing to take. */
        int (*take)(struct oci_reader *reader, const json_t *value);
        /** Members of an object, of the elements of a list, or of a map's values that are objects.
         */
        const struct oci_field *fields;
        /** Called after the fields of each object, for what concerns several of them. */
        int (*finish)(struct oci_reader *reader, const json_t *value);
        /** The type of a map's values. */
        enum oci_type value;
        /** Why the field is refused; NULL: it is not. */
        const char *refused;
};

/** Where the reader is and what it fills. */
struct oci_reader {
        const char *file; /* for messages */
        const char *text;
        size_t length;
        char path[256];  /* of the current value: "mounts[3].options" */
        const char *key; /* of the current value of a map */
        size_t index;    /* of the current element of a list */

        /* Filled. */
        struct machine *machine;
        struct oci_bundle *bundle; /* for fields of a bundle alone, else NULL */
        char ***warnings;
        char ***unknown;
        struct machine_error *error;

        /* What fields of one object leave for its `finish`. */
        const char *directory; /* relative paths are relative to it */
        unsigned int seen;     /* bits of kinds of namespaces, of resource limits, .. */
        void *item;
};

/** Reads an object along a table. 0 or -errno with the error set, which has file, line and path. */
int oci_read_fields(struct oci_reader *reader, const json_t *object,
                    const struct oci_field *fields);

/** Sets an error about the current value: "FILE:LINE: PATH: ..". Returns -EINVAL; the error is of
 * kind MACHINE_ERROR_DEFINITION. */
int oci_wrong(struct oci_reader *reader, const char *format, ...) _printf_(2, 3);

/** The same about a member of the current object. */
int oci_wrong_member(struct oci_reader *reader, const char *member, const char *format, ...)
        _printf_(3, 4);

/** Adds a warning about the current value. 0 or -ENOMEM with the error set. */
int oci_warn(struct oci_reader *reader, const char *format, ...) _printf_(2, 3);

/** Replaces an owned string by a JSON string, which the parser lets have no NUL. 0 or -errno. */
int oci_take_string(struct oci_reader *reader, const json_t *value, char **place);

/** Replaces an owned array by an array of JSON strings. 0 or -errno. */
int oci_take_strings(struct oci_reader *reader, const json_t *value, char ***place);

/** Gets an integer within bounds. 0 or -errno with the error set. */
int oci_take_number(struct oci_reader *reader, const json_t *value, int64_t minimum,
                    int64_t maximum, int64_t *ret);

/** Gets one of several words. 0 or -errno with an error that lists them. */
int oci_take_word(struct oci_reader *reader, const json_t *value, const char *const *words,
                  size_t count, size_t *ret);

/** Checks that a path is absolute and normalizes it. 0 or -errno. */
int oci_take_path(struct oci_reader *reader, const json_t *value, char **place);

/** Takes the id of a user or group. */
int oci_take_id(struct oci_reader *reader, const json_t *value, uint32_t *place);

/** Takes a list as in cpuset(7), "0-3,7", with numbers below a maximum; "" is not set. */
int oci_take_set(struct oci_reader *reader, const json_t *value, unsigned long maximum,
                 char **place);

/** Grows an array by one zeroed item. NULL with the error set if out of memory. */
void *oci_grow(struct oci_reader *reader, void *array_place, size_t *count, size_t size);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_PROGRAM_PROGRAM_H
#define IMAGE_PROGRAM_PROGRAM_H

#include <stdbool.h>

#include <jansson.h>
#include <machine/error.h>

#include "base/log.h"
#include "image/store/session.h"

/* The image executable's command line. machinectl-lite has parsed its own options and passes the
 * rest. */

enum program_json {
        PROGRAM_JSON_OFF,
        PROGRAM_JSON_SHORT,
        PROGRAM_JSON_PRETTY,
};

struct program {
        struct log log;
        const char *state_directory;
        enum program_json json;
        bool quiet;
        bool legend;
        /* Options of verbs. */
        const char *name;
        const char *reference;
        const char *owner;
        const char *platform;
        const char *registries;
        const char *format;
        const char *architecture; /* of partitions */
        char **changes;           /* each --change; kept until the program ends */
        char **directories;       /* each --directory, with disk images; likewise */
        bool verity;
        bool verify;
        bool force;
        bool all;
        bool insecure;
        bool keep_blobs;
        bool all_platforms;
        bool raw;
        bool config;
        /* Operands. */
        int argc;
        char **argv;
};

struct program_verb {
        const char *name;
        const char *operands;
        const char *options; /* the options it accepts, separated by blanks */
        int minimum, maximum;
        /** Returns the exit status or -errno with error set. */
        int (*run)(struct program *program, struct machine_error *error);
};

int program_pull(struct program *program, struct machine_error *error);
int program_save(struct program *program, struct machine_error *error);
int program_commit(struct program *program, struct machine_error *error);
int program_push(struct program *program, struct machine_error *error);
int program_load(struct program *program, struct machine_error *error);
int program_tag(struct program *program, struct machine_error *error);
int program_inspect(struct program *program, struct machine_error *error);
int program_list_tags(struct program *program, struct machine_error *error);
int program_list(struct program *program, struct machine_error *error);
int program_status(struct program *program, struct machine_error *error);
int program_remove(struct program *program, struct machine_error *error);
int program_make_disk(struct program *program, struct machine_error *error);
int program_export_volume(struct program *program, struct machine_error *error);
int program_export_layer(struct program *program, struct machine_error *error);
int program_import_layer(struct program *program, struct machine_error *error);
int program_export_files(struct program *program, struct machine_error *error);
int program_import_volume(struct program *program, struct machine_error *error);
int program_prune(struct program *program, struct machine_error *error);

/** Opens a session for the verb: with its platform, and progress as the user wants it. Returns 0 or
 * -errno. */
int program_open_session(struct program *program, struct session *session,
                         struct machine_error *error);

/** Prints a JSON value in the user's format and releases it. Returns 0 or -errno. */
int program_print_json(const struct program *program, json_t *value);

/** Describes an image of the store as JSON. Returns NULL if its record cannot be read. */
json_t *program_describe(struct store *store, const json_t *references, const char *id);

#endif

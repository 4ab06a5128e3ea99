/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_PROGRAM_H
#define IMAGE_PROGRAM_H

#include <stdbool.h>

#include <jansson.h>
#include <machine/error.h>

#include "base/log.h"
#include "image/progress.h"

/* The image executable's command line. machinectl-lite has parsed the program's own options and
 * hands the rest over. */

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
        const char *platform;
        const char *registries;
        const char *format;
        bool verify;
        bool force;
        bool all;
        bool insecure;
        /* Operands. */
        int argc;
        char **argv;
};

struct program_verb {
        const char *name;
        const char *operands;
        const char *options; /* names of what it takes, between blanks */
        int minimum, maximum;
        /** Returns the exit status or a negative errno with the error filled. */
        int (*run)(struct program *program, struct machine_error *error);
};

int program_pull(struct program *program, struct machine_error *error);
int program_save(struct program *program, struct machine_error *error);
int program_commit(struct program *program, struct machine_error *error);
int program_push(struct program *program, struct machine_error *error);
int program_load(struct program *program, struct machine_error *error);
int program_list(struct program *program, struct machine_error *error);
int program_status(struct program *program, struct machine_error *error);
int program_remove(struct program *program, struct machine_error *error);
int program_prune(struct program *program, struct machine_error *error);

/** How progress is shown. */
enum progress_mode program_progress(const struct program *program);

/** Prints a JSON value as the user asked and takes its reference. 0 or -errno. */
int program_print_json(const struct program *program, json_t *value);

#endif

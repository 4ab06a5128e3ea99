/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_NEWCOMERS_IMPORTING_H
#define CLI_NEWCOMERS_IMPORTING_H

#include <errno.h>
#include <stdbool.h>

#include <jansson.h>

#include "cli/newcomers/newcomer.h"
#include "state/store.h"

/** An archive of a machine that is unpacked. */
struct importing {
        struct cli *cli;
        const char *name;  /* other than that in the archive, or NULL */
        const char *image; /* below its layer, or NULL: that in the archive */
        bool keep_volumes; /* use those that exist */
        const char *file;  /* for messages */
        char *scratch;
        int scratch_fd; /* locked as long as the process lives */
        int archive_fd; /* the unpacked archive */
        char *archive;  /* its path */
        json_t *record;
        struct state_store store;
        int lock; /* of the name */
        struct newcomer newcomer;
};

#define IMPORTING_INIT                                                                 \
        {                                                                              \
                .scratch_fd = -EBADF, .archive_fd = -EBADF, .store = STATE_STORE_INIT, \
                .lock = -EBADF, .newcomer = NEWCOMER_INIT                              \
        }

/** Unpacks an archive ("-": standard input) in the sandbox, and checks it. 0 or -errno with error
 * set. */
int importing_unpack(struct importing *importing, const char *argument,
                     struct machine_error *error);

/** Makes the machine of the archive. 0 or -errno with error set. */
int importing_make(struct importing *importing, struct machine_error *error);

/** Unpacks the writable layer in a directory of the machine, as VOLUME_UNPACKED. 1 if there is
 * none, 0 or -errno with error set. */
int importing_unpack_layer(struct importing *importing, const char *directory,
                           struct machine_error *error);

/** Removes what is unpacked, and frees everything. */
void importing_clear(struct importing *importing);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_NEWCOMERS_CHECKPOINT_H
#define CLI_NEWCOMERS_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "launch/checkpoint/checkpoint.h"
#include "state/record.h"

/*
 * What the archive of a checkpoint says of the processes, in machine.json under "checkpoint":
 * "version", "program", "kernel", "architecture" and "criu" (what it was taken with), "taken_usec",
 * "address" and "address6" (or null), "streams" (two names or null), "init" (a name or null) and
 * "init_mode", "nulls" (names), and what was agreed to: "tcp_established", "tcp_close",
 * "file_locks", "ext_unix". CRIU's files are in the directory "checkpoint".
 */
#define CHECKPOINT_VERSION 1

/** What both verbs are told. */
struct checkpoint_given {
        uint64_t timeout; /* in microseconds */
        bool tcp_established, tcp_close, file_locks, external_sockets;
};

#define CHECKPOINT_TIMEOUT UINT64_C(30000000)

/** Describes one that was taken. NULL if out of memory; the caller owns it. */
json_t *checkpoint_describe(const struct machine_record *record, const char *criu,
                            const struct checkpoint_given *given,
                            const struct checkpoint_names *names);

/** Fills what a start needs from the record of an archive, which it borrows, and checks that this
 * host can have it. `file` is for messages. 0 or -errno with error set; the caller frees
 * ret->nulls. */
int checkpoint_read(const json_t *record, const char *file, const char *criu,
                    struct launch_restore *ret, struct machine_error *error);

#endif

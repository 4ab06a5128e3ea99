/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_CHECKPOINT_CHECKPOINT_H
#define LAUNCH_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/machine.h>

#include "state/record.h"

/*
 * Writing the processes of a running machine to files, and a start that makes them again. CRIU does
 * the processes, everything else is as in any start: see launch/checkpoint/mold.h.
 */

/** What CRIU's files know by names that only hold for one dump: descriptors that lead out of the
 * machine. */
struct checkpoint_names {
        char *streams[2]; /* the pipes of standard output and error, or NULL */
        char *program;    /* machine-init, or NULL .. */
        mode_t mode;      /* .. and its mode, which CRIU compares */
        char **nulls;     /* the host's /dev/null */
};

void checkpoint_names_clear(struct checkpoint_names *names);

/** A start that makes processes from files. All is borrowed. */
struct launch_restore {
        const char *images; /* the directory of the files: it is written to */
        const char *streams[2];
        const char *program;
        mode_t mode;
        char *const *nulls;
        uint64_t timeout; /* of CRIU, in microseconds */
        bool tcp_established, tcp_close, file_locks, external_sockets;
};

struct checkpoint_options {
        const char *images; /* an empty directory for CRIU's files */
        uint64_t timeout;   /* of CRIU, in microseconds */
        bool leave_running, tcp_established, tcp_close, file_locks, external_sockets;
        /** Called while no process of the machine runs, when its files are complete. After a
         * failure the machine goes on. 0 or -errno with error set. */
        int (*complete)(void *data, const struct checkpoint_names *names,
                        struct machine_error *error);
        void *data;
};

/** Checks whether the processes of a machine can be written down, before any is touched. 0, or
 * -EOPNOTSUPP with an error that names what cannot. */
int checkpoint_check(const struct machine *machine, const struct machine_record *record,
                     struct machine_error *error);

/**
 * Writes down the processes of a running machine. The caller holds the machine's lock. Afterwards
 * they run again, or are stopped as by SIGSTOP unless they are to go on; then the caller ends the
 * machine. 0 or -errno with error set: the machine goes on.
 */
int checkpoint_write(const struct machine *machine, const struct machine_record *record,
                     const struct checkpoint_options *options, struct machine_error *error);

/** Lets processes that were stopped go on. */
void checkpoint_continue(const struct machine_record *record);

#endif

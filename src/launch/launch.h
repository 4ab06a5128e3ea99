/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_LAUNCH_H
#define LAUNCH_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/machine.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cgroup/tree.h"
#include "state/store.h"

/**
 * The start of a machine and its undoing. A start is a table of steps, each with a name, run in
 * order and undone in reverse: by the same process when one fails or when the machine has ended,
 * else by whoever starts a machine or collects next, from the list in the state file.
 */

/** Where machines keep what they keep. Borrowed by a launch for as long as it lives. */
struct launch_directories {
        const char *runtime; /* of this boot: state, locks, leases */
        const char *state;   /* persistent: writable layers, images, filters */
        char *const *config; /* directories of definitions, for networks */
};

struct launch_options {
        struct launch_directories directories;
        const struct log *log;
        bool ephemeral; /* writes into the root are gone when the machine stops, whatever it says */
        bool terminal;  /* the payload gets a pseudo-terminal; else these streams */
        int streams[3]; /* the payload's descriptors 0, 1 and 2; -EBADF: the caller's own. Borrowed
                         */
        bool notify;    /* the payload gets a socket for readiness (sd_notify(3)) */
        const char *unit; /* the unit that the caller is the main process of, or NULL. Borrowed */
        bool keep_record; /* what is known of the machine stays when it has ended */
        /* What the definition said before an image added to it, kept beside the record, and its
         * digest (config/snapshot.h); NULL: not kept. Borrowed */
        const char *snapshot;
        const char *digest;
};

#define LAUNCH_OWN_STREAMS             \
        {                              \
                -EBADF, -EBADF, -EBADF \
        }

/** A machine on its way up, running, or on its way down. */
struct launch;

/**
 * Starts a machine: returns once the payload's execve(2) has succeeded. The calling process becomes
 * its supervisor: it gets a mount namespace of its own, and the machine dies with it. machine and
 * options->log have to outlive *ret. On failure everything is undone. 0 or -errno; the error has
 * the step that failed.
 */
int launch_start(struct machine *machine, const struct launch_options *options, struct launch **ret,
                 struct machine_error *error);

/**
 * Prepares a machine without starting it: all that the parent does before the clone is done and
 * what does not last is undone, so that what a start would find missing is told now; the writable
 * layer and a record of state "created" stay. -EEXIST for a machine that runs. 0 or -errno.
 */
int launch_create(struct machine *machine, const struct launch_options *options,
                  struct machine_error *error);

/** A descriptor that becomes readable when the machine's first process has ended. Borrowed. */
int launch_pidfd(const struct launch *launch);

/** The master side of the machine's terminal, or -EBADF. Borrowed. */
int launch_terminal(const struct launch *launch);

/** The socket on which the payload tells of its readiness, or -EBADF. Borrowed. */
int launch_notify_socket(const struct launch *launch);

/** The machine's control group. Borrowed. */
const struct cgroup *launch_cgroup(const struct launch *launch);

/** The machine's id, 32 hexadecimal digits. Borrowed. */
const char *launch_machine_id(const struct launch *launch);

/** Where the launch tells what the user should know. Borrowed. */
const struct log *launch_log(const struct launch *launch);

/** What is on record of the machine; changes reach the file with launch_save(). Borrowed. */
struct machine_record *launch_record(struct launch *launch);

/** Saves the record with the state given. 0 or -errno. */
int launch_save(struct launch *launch, enum machine_state state, struct machine_error *error);

/** Sends a signal to the machine's first process; a stub passes it on to the payload. 0 or -errno;
 *  -ESRCH once it has ended. */
int launch_signal(struct launch *launch, int signal);

/** Ends everything in the machine at once, by its control group. 0 or -errno. */
int launch_kill(struct launch *launch);

/**
 * Reaps the first process, which has ended. The payload's exit status, 128 + N for signal N; 0 for
 * a booted machine that powered itself off.
 */
int launch_reap(struct launch *launch);

/** Whether the machine, which has been reaped, is a booted one that asked to be started again. */
bool launch_wants_reboot(const struct launch *launch);

/**
 * Undoes all steps in reverse, kills what still runs, and frees the launch. Everything is tried
 * even when something fails; the first failure is returned. NULL is allowed.
 */
int launch_finish(struct launch *launch, struct machine_error *error);

/**
 * Undoes what crashed starts of this machine left, by its record, which stays as it is: the lock's
 * file goes with it, so that whoever has more to do under the lock removes both at the end, with
 * state_remove(). The machine's lock is held by the caller. 0 or -errno.
 */
int launch_undo(const struct launch_directories *directories, const struct machine_record *record,
                const struct log *log, struct machine_error *error);

/** Does that and removes the record with its lock. 0 or -errno. */
int launch_collect(const struct launch_directories *directories, const struct state_store *store,
                   const struct machine_record *record, const struct log *log,
                   struct machine_error *error);

/** Calls back with the name of each step that starting this machine would run, in order; child
 *  says on which side. */
void launch_list_steps(const struct machine *machine, const struct launch_options *options,
                       void (*tell)(const char *step, bool child, void *data), void *data);

#endif

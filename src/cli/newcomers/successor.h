/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_SUCCESSOR_H
#define CLI_MACHINES_SUCCESSOR_H

#include "cli/machines/machines.h"
#include "cli/moves/moves.h"

/* A stopped machine that a new one comes from, by `rename` or `clone`, or that is archived. */
struct predecessor {
        struct state_store store;
        char *name;
        char *new_name;   /* or NULL */
        char *definition; /* absolute path, or NULL: it was defined on the command line */
        int lock;         /* of the machine */
        int new_lock;     /* of the new name, or -EBADF */
};

#define PREDECESSOR_INIT                                                       \
        {                                                                      \
                .store = STATE_STORE_INIT, .lock = -EBADF, .new_lock = -EBADF, \
        }

/** Finds and locks a machine that is not running, and the new name (NULL: none). What a crashed
 * start has left is undone. Returns 0 or -errno with error set: -EBUSY for one that runs, kind
 * NO_INPUT if nothing is known of it. */
int predecessor_open(struct cli *cli, const struct verb *verb, const char *argument,
                     const char *name, struct predecessor *ret, struct machine_error *error);
void predecessor_close(struct predecessor *predecessor);
#define _cleanup_predecessor_ _cleanup_(predecessor_close)

/** Whether systemd starts a machine at boot. */
bool predecessor_is_enabled(const struct cli *cli, const char *name);

/** Checks that a machine can get a name: it is valid, nothing else has it, and its definition is a
 * file of its own. Returns 0 or -errno with error set. */
int successor_check(const struct cli *cli, const struct predecessor *machine, const char *name,
                    struct machine_error *error);

/** Checks only its definition; `any_source`: also one that was applied from a source is good. */
int predecessor_check(const struct cli *cli, const struct predecessor *machine, bool any_source,
                      struct machine_error *error);

/** The same for a new machine without a predecessor. */
int successor_check_name(const struct cli *cli, const struct state_store *store, const char *name,
                         struct machine_error *error);

/** Releases the lock of a name, whose file goes if there is no record of such a machine, and if it
 * is not another one's by now. */
void successor_unlock(const struct state_store *store, const char *name, int lock);

/** Checks that files can move: that nothing is in their new places and that their directories can
 * be written to. */
int successor_check_paths(const struct moves *moves, struct machine_error *error);

#endif

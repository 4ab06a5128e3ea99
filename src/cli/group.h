/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_GROUP_H
#define CLI_GROUP_H

#include "cgroup/tree.h"
#include "cli/machines.h"

/** A machine that runs, for a verb that changes it: its record, its group, and its lock, which
 *  keeps a start, a stop and another such verb away. */
struct locked_machine {
        struct machine_record record;
        struct cgroup group;
        int lock;
};

#define LOCKED_MACHINE_INIT                          \
        {                                            \
                .group = CGROUP_INIT, .lock = -EBADF \
        }

void locked_machine_release(struct locked_machine *machine);
#define _cleanup_locked_machine_ _cleanup_(locked_machine_release)

/** Finds and locks a machine that runs. Errors as of cli_find_running(). */
int cli_lock_machine(const struct state_store *store, const char *name,
                     struct locked_machine *machine, struct machine_error *error);

/** Opens the group of a machine's record. */
int cli_open_group(const struct machine_record *record, struct cgroup *ret,
                   struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_LOCKED_MACHINE_H
#define CLI_MACHINES_LOCKED_MACHINE_H

#include "cgroup/tree/tree.h"
#include "cli/machines/machines.h"

/** A running machine with its record, control group, and lock, which excludes starts, stops and
 * other verbs that change it. */
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

/** Finds and locks a running machine. Errors are those of cli_find_running(). */
int cli_lock_machine(const struct state_store *store, const char *name,
                     struct locked_machine *machine, struct machine_error *error);

/** Opens the control group of a machine. */
int cli_open_group(const struct machine_record *record, struct cgroup *ret,
                   struct machine_error *error);

#endif

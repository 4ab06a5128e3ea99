/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_CHECKPOINT_PROCESSES_H
#define LAUNCH_CHECKPOINT_PROCESSES_H

#include "launch/checkpoint/checkpoint.h"

struct cgroup;

/** Waits until all processes of the machine are descendants of its first one: programs of `exec`
 * and of health checks are not. 0, or -EBUSY with an error that names one. */
int processes_await_tree(const struct cgroup *group, pid_t init, uint64_t timeout,
                         struct machine_error *error);

/** Finds the descriptors of all processes that lead out of the machine, and gives them names. 0, or
 * -EOPNOTSUPP with an error that names one which nobody could give back. The caller frees *ret. */
int processes_find_names(const struct cgroup *group, const struct machine_record *record,
                         struct checkpoint_names *ret, struct machine_error *error);

/** Has the stub execute machine-init, so that CRIU can write it down. 0 or -errno with error set.
 */
int stub_execute(const struct machine_record *record, struct machine_error *error);

#endif

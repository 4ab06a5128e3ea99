/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_TREE_H
#define CGROUP_TREE_TREE_H

/**
 * A machine's control group: its location, and how it is created, found again and removed.
 *
 * In a unit with delegation (Delegate=yes) the machine's group is UNIT/payload, next to
 * UNIT/supervisor for the supervisor; elsewhere it is MOUNT/machinectl-lite/NAME, with MOUNT where
 * cgroup2 is mounted.
 *
 * A process enters with clone3(CLONE_INTO_CGROUP) and the group's fd, so that it never runs
 * outside. With CLONE_NEWCGROUP in the same call the group is the root of the new cgroup namespace
 * (Linux 5.7).
 */

#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

#include "cgroup/tree/group.h"

struct cgroup_parameters {
        const char *name; /* of the machine */
        /* Where cgroup2 is mounted; NULL to find it. */
        const char *mount;
        /* A group of cgroup_create_shared() in which it is made; NULL: at its usual place. */
        const char *above;
        /* The caller is a user: without a group that was delegated to him, none is made, and *ret
         * is empty. */
        bool by_user;
        /* A service manager runs in it: all controllers are enabled. Otherwise the CGROUP_USUAL
         * ones, and others for the limits that need them. */
        bool boots;
};

/**
 * Creates the machine's group, empty and without limits, with the available controllers enabled
 * down to it (a missing controller is not an error here, but for a limit that needs it). In a
 * delegated unit the calling process moves to UNIT/supervisor first, since cgroup v2 allows
 * processes in leaves only.
 *
 * The descriptor of the group holds a lock (flock(2)) which shows that its creator is alive. What a
 * crashed start left under this name is removed first, including processes; if another machine of
 * this name, with another state directory, is running, the group is "NAME+1". Undone by
 * cgroup_remove().
 */
int cgroup_create(const struct cgroup_parameters *parameters, struct cgroup *ret,
                  struct machine_error *error);

/**
 * Makes a group for the groups of several machines, whose limits are those of all together, or
 * finds it again: nobody owns it, and machines in it outlive its maker. Undone by
 * cgroup_remove_shared(), which leaves it as long as a machine is in it.
 */
int cgroup_create_shared(const char *path, struct cgroup *ret, struct machine_error *error);
int cgroup_remove_shared(const char *path, struct machine_error *error);

/** Gives the group's subtree to the machine's root, which is uid and gid on the host: it can create
 * groups in it, but neither raise its own limits nor leave it. */
int cgroup_delegate(const struct cgroup *group, uid_t uid, gid_t gid, struct machine_error *error);

/** Opens the group of a running machine by the path in its state. -ENOENT if it no longer exists,
 * -EINVAL if the path is not in a cgroup2 file system. */
int cgroup_open(const char *path, struct cgroup *ret, struct machine_error *error);

/**
 * Opens the directory that an additional process of a running machine enters: the group itself or,
 * if the machine's own manager has enabled controllers below it (then the kernel allows no process
 * in it), the group of the machine's first process `leader`. Returns an O_PATH descriptor for
 * CLONE_INTO_CGROUP that the caller closes, or -errno.
 */
int cgroup_open_entry(const struct cgroup *group, pid_t leader, struct machine_error *error);

/**
 * Creates a group for an additional program, below that of a running machine, whose limits apply to
 * it, so that everything the program starts can be ended with it. The group belongs to the host,
 * and its descriptor holds a lock like that of a machine's group. Returns 0, or -errno if no group
 * is possible; then the program goes to cgroup_open_entry(). Ended by cgroup_end_program().
 */
int cgroup_begin_program(const struct cgroup *machine, struct cgroup *ret);

/** Releases a program's group. With `whole` all its processes are killed first; else those that the
 * program left keep running in it, and the group is removed with the machine or by a later program.
 * An empty struct is allowed. */
void cgroup_end_program(struct cgroup *group, bool whole);

/** Kills all processes in the group and below it (cgroup.kill, Linux 5.14), and lifts limits of CPU
 * time and disks that would delay their exit. Returns 0 or -errno. */
int cgroup_kill(const struct cgroup *group, struct machine_error *error);

/** Freezes or thaws all processes in the group, and waits for at most `timeout` microseconds until
 * the kernel confirms it (-ETIMEDOUT; the error names the processes that do not stop, and a freeze
 * is undone). */
int cgroup_freeze(const struct cgroup *group, bool freeze, uint64_t timeout,
                  struct machine_error *error);

/** Whether the group is frozen (1) or not (0), or -errno. */
int cgroup_is_frozen(const struct cgroup *group);

/** Waits for at most `timeout` microseconds until no process is in the group or below it, on the
 * kernel's notification. -ETIMEDOUT with an error that names the remaining processes. */
int cgroup_wait_empty(const struct cgroup *group, uint64_t timeout, struct machine_error *error);

/**
 * Kills the processes in the group, waits for at most `timeout` microseconds until it is empty, and
 * removes it with all groups that the machine created below it, and MOUNT/machinectl-lite if it was
 * the last. Frees the struct's resources on success. Succeeds if the group no longer exists.
 */
int cgroup_remove(struct cgroup *group, uint64_t timeout, struct machine_error *error);

/** Like cgroup_remove(), for the leftovers of a crashed start, by the path in its state. A group
 * whose creator is alive belongs to another machine and stays. */
int cgroup_collect(const char *path, uint64_t timeout, struct machine_error *error);

/** How long removal waits, in microseconds: a killed process exits within milliseconds unless it
 * hangs in the kernel. */
#define CGROUP_REMOVE_TIMEOUT UINT64_C(5000000)

#endif

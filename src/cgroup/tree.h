/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_H
#define CGROUP_TREE_H

/**
 * A machine's control group: where it stands, how it is made, found again and removed.
 *
 * Under a unit that systemd delegates (Delegate=yes) the machine's group is UNIT/payload, beside
 * UNIT/supervisor for whoever looks after it; elsewhere it is MOUNT/machinectl-lite/NAME, MOUNT
 * being wherever cgroup2 is mounted.
 *
 * A process enters with clone3(CLONE_INTO_CGROUP) and the group's fd, so that nothing of it ever
 * runs outside. With CLONE_NEWCGROUP in the same call the group is the root of the new cgroup
 * namespace (Linux 5.7).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

#include "base/cleanup.h"

/** Controllers of cgroup v2 that limits and usage come from, as bits of a mask. */
enum cgroup_controller {
        CGROUP_CPU = 1 << 0,
        CGROUP_CPUSET = 1 << 1,
        CGROUP_IO = 1 << 2,
        CGROUP_MEMORY = 1 << 3,
        CGROUP_PIDS = 1 << 4,
        CGROUP_HUGETLB = 1 << 5,
};
#define CGROUP_CONTROLLERS 6

struct cgroup {
        int fd;     /* the directory, for CLONE_INTO_CGROUP and the functions here */
        char *path; /* absolute path of the directory; goes into the state file */
        char *top;  /* the directory above it where this program's part begins: MOUNT or UNIT */
        unsigned int controllers; /* mask of those that the group has */
        bool is_new;              /* made just now, by cgroup_create(): empty and without limits */
};

#define CGROUP_INIT                          \
        {                                    \
                -EBADF, NULL, NULL, 0, false \
        }

/** Closes and frees what a group owns; the group itself stays. The struct is empty again. */
void cgroup_release(struct cgroup *group);
#define _cleanup_cgroup_ _cleanup_(cgroup_release)

struct cgroup_parameters {
        const char *name; /* of the machine */
        /* Where cgroup2 is mounted, or NULL: found. */
        const char *mount;
};

/**
 * Finds where cgroup2 is mounted: /sys/fs/cgroup, else the first mount of its type in
 * /proc/self/mountinfo (/sys/fs/cgroup/unified on a hybrid host). *ret is freed by the caller.
 * -ENODEV with a full explanation where there is none.
 */
int cgroup_find_mount(char **ret, struct machine_error *error);

/**
 * Makes the machine's group, empty and without limits, with every controller that can be had
 * enabled down to it (a controller that cannot be had is no error here; a limit that needs it will
 * be). Under a delegated unit the calling process moves to UNIT/supervisor first, since cgroup v2
 * lets processes live only in leaves.
 *
 * The descriptor of the group holds a lock (flock(2)) that tells others that its maker lives. What
 * a crashed start left under this name is removed first, processes and all; where another machine
 * of this name lives, one that is kept in other directories, the group is "NAME+1". Undo with
 * cgroup_remove().
 */
int cgroup_create(const struct cgroup_parameters *parameters, struct cgroup *ret,
                  struct machine_error *error);

/** Gives the group's subtree to the machine's root, which uid and gid are on the host: it can make
 *  groups in it, and neither raise its own limits nor leave it. */
int cgroup_delegate(const struct cgroup *group, uid_t uid, gid_t gid, struct machine_error *error);

/** Opens the group of a running machine by the path that its state names. -ENOENT where it is gone,
 *  -EINVAL where the path is not in a cgroup2 file system. */
int cgroup_open(const char *path, struct cgroup *ret, struct machine_error *error);

/**
 * The directory that a further process of a running machine enters: the group itself, or, where the
 * machine's own manager has put controllers to work below it (then the kernel allows no process in
 * it), the group of the machine's first process `leader`. An O_PATH descriptor for
 * CLONE_INTO_CGROUP that the caller closes, or -errno.
 */
int cgroup_open_entry(const struct cgroup *group, pid_t leader, struct machine_error *error);

/** Kills every process of the group and of those below it (cgroup.kill, Linux 5.14), and lifts what
 *  would keep them from ending soon: limits of CPU time and of disks. 0 or -errno. */
int cgroup_kill(const struct cgroup *group, struct machine_error *error);

/** Stops or continues every process of the group, and waits until the kernel says so, at most
 *  `timeout` microseconds (-ETIMEDOUT; the processes that do not stop are named, and a freeze is
 *  taken back). */
int cgroup_freeze(const struct cgroup *group, bool freeze, uint64_t timeout,
                  struct machine_error *error);

/** Whether the group is frozen (1) or not (0), or -errno. */
int cgroup_is_frozen(const struct cgroup *group);

/** Waits until no process is in the group or below it, at most `timeout` microseconds; sleeps on
 *  the kernel's notification. -ETIMEDOUT: the error names the processes that stay. */
int cgroup_wait_empty(const struct cgroup *group, uint64_t timeout, struct machine_error *error);

/**
 * Kills what is in the group, waits until it is empty, at most `timeout` microseconds, and removes
 * it with all the groups that the machine made below it, and MOUNT/machinectl-lite when it was the
 * last. The struct is released on success. A group that is gone already is fine.
 */
int cgroup_remove(struct cgroup *group, uint64_t timeout, struct machine_error *error);

/** cgroup_remove() for what a crashed start left, by the path in its state. A group whose maker
 * lives is another machine's and stays. */
int cgroup_collect(const char *path, uint64_t timeout, struct machine_error *error);

/** How long removal waits, in microseconds: a killed process is gone in milliseconds unless it
 *  hangs in the kernel. */
#define CGROUP_REMOVE_TIMEOUT UINT64_C(5000000)

/** The processes in the group and below it as "PID (NAME), ..", at most `maximum` of them and a
 *  count of the rest. NULL when there are none or memory is short. The caller frees it. */
char *cgroup_describe_processes(const struct cgroup *group, unsigned int maximum);

#endif

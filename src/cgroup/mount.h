/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_MOUNT_H
#define CGROUP_MOUNT_H

/**
 * The mount point of the last mount in a text of /proc/PID/mountinfo (proc_pid_mountinfo(5)) that
 * has the file system type and, unless it is NULL, the option among its super block's: a v1
 * hierarchy names its controllers there. Escapes are undone. 0, -ENOENT or -ENOMEM; the caller
 * frees *ret.
 */
int mountinfo_find(const char *mountinfo, const char *type, const char *option, char **ret);

/** /proc/self/mountinfo whole. 0 or -errno; the caller frees *ret. */
int mountinfo_read(char **ret);

#endif

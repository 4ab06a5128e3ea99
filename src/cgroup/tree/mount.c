/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/mount.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"

static bool is_cgroup2(const char *path)
{
        struct statfs statistics;

        return statfs(path, &statistics) == 0 && statistics.f_type == CGROUP2_SUPER_MAGIC;
}

static int no_mount(struct machine_error *error, const char *mountinfo)
{
        _cleanup_free_ char *legacy = NULL;

        if (mount_table_find(mountinfo, "cgroup", NULL, &legacy) == 0) {
                error_say(error, ENODEV,
                          "no cgroup v2 hierarchy is mounted, only cgroup v1 (at %s), which does "
                          "not support machines",
                          legacy);
                error_hint(error,
                           "boot with cgroup_no_v1=all (with systemd: "
                           "systemd.unified_cgroup_hierarchy=1), or mount the unified hierarchy in "
                           "addition: mount -t cgroup2 none /sys/fs/cgroup/unified");
        } else {
                error_say(error, ENODEV, "no cgroup v2 hierarchy is mounted");
                error_hint(error, "mount -t cgroup2 none /sys/fs/cgroup");
        }
        return -ENODEV;
}

static bool is_writable(const char *path)
{
        struct statvfs info;

        return statvfs(path, &info) == 0 && !(info.f_flag & ST_RDONLY);
}

/* A bind mount of /sys elsewhere, for a chroot or a monitoring agent, contains another mount of it,
 * often read-only. Any of them may be covered by another mount. */
static const char *choose_mount(char *const *candidates)
{
        const char *chosen = NULL;

        STRV_FOREACH(candidate, candidates) {
                if (!is_cgroup2(*candidate)) {
                        continue;
                }
                if (is_writable(*candidate)) {
                        return *candidate;
                }
                chosen = chosen ? chosen : *candidate;
        }
        return chosen;
}

int cgroup_find_mount(char **ret, struct machine_error *error)
{
        _cleanup_free_ char *mountinfo = NULL;
        _cleanup_strv_ char **candidates = NULL;
        const char *chosen;
        int r;

        /* The usual mount point; checking it first avoids reading all mounts. */
        if (is_cgroup2("/sys/fs/cgroup")) {
                *ret = strdup("/sys/fs/cgroup");
                return *ret ? 0 : error_oom(error);
        }
        r = mount_table_read(&mountinfo);
        if (r < 0) {
                return error_set(error, r, "cannot read /proc/self/mountinfo");
        }
        if (mount_table_list(mountinfo, "cgroup2", NULL, &candidates) < 0) {
                return error_oom(error);
        }
        chosen = choose_mount(candidates);
        if (!chosen) {
                return no_mount(error, mountinfo);
        }
        *ret = strdup(chosen);
        return *ret ? 0 : error_oom(error);
}

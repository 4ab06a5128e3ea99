/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "cgroup/tree/controllers.h"
#include "cgroup/tree/tree.h"

#define SMALL_MAXIMUM 65536

/* The part of the leader's path in the unified hierarchy below the machine's group.
 * /proc/PID/cgroup does not include the mount point, so the end of the group's path is searched
 * for: "machinectl-lite/NAME" or "UNIT/payload", as whole components. */
static int leader_group(const struct cgroup *group, pid_t leader, char **ret)
{
        _cleanup_free_ char *text = NULL;
        const char *within = group->path + strlen(group->top);
        char file[64];
        char *line, *found;
        int r;

        snprintf(file, sizeof file, "/proc/%d/cgroup", leader);
        r = file_read(AT_FDCWD, file, SMALL_MAXIMUM, &text, NULL);
        if (r < 0) {
                return r;
        }
        line = strstr(text, "0::");
        if (!line || (line != text && line[-1] != '\n')) {
                return -ENODATA;
        }
        line[strcspn(line, "\n")] = '\0';
        found = strstr(line, within);
        if (!found || found[strlen(within)] != '/') {
                return -ENODATA;
        }
        *ret = strdup(found + strlen(within) + 1);
        return *ret ? 0 : -ENOMEM;
}

int cgroup_open_entry(const struct cgroup *group, pid_t leader, struct machine_error *error)
{
        _cleanup_free_ char *below = NULL;
        unsigned int handed_on = 0;
        int fd;
        int r = cgroup_read_controllers(group->fd, "cgroup.subtree_control", &handed_on);

        if (r < 0) {
                return error_set(error, r, "cannot read the control group %s", group->path);
        }
        if (!handed_on) {
                fd = fcntl(group->fd, F_DUPFD_CLOEXEC, 3);
                return fd < 0 ? error_set(error, errno, "cannot open %s", group->path) : fd;
        }
        r = leader_group(group, leader, &below);
        if (r < 0) {
                return error_set(error, r,
                                 "cannot find a control group of the machine to enter below %s",
                                 group->path);
        }
        fd = path_open_no_links(group->fd, below, O_PATH | O_DIRECTORY, 0);
        if (fd < 0) {
                return error_set(error, fd, "cannot open the control group %s/%s", group->path,
                                 below);
        }
        return fd;
}

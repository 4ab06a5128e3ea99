/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cgroup/tree/controllers.h"
#include "cgroup/tree/mount.h"
#include "cgroup/tree/tree.h"

#define EVENTS_MAXIMUM 4096

static bool is_populated(const char *path)
{
        _cleanup_free_ char *file = string_format("%s/cgroup.events", path);
        _cleanup_free_ char *text = NULL;

        return file && file_read(AT_FDCWD, file, EVENTS_MAXIMUM, &text, NULL) == 0 &&
               strstr(text, "populated 1");
}

int cgroup_place(const char *group, char **ret, struct machine_error *error)
{
        _cleanup_free_ char *mount = NULL, *path = NULL;
        int r;

        if (group[0] != '/' || strstr(group, "/..") || group[strspn(group, "/")] == '\0') {
                return error_say(error, EINVAL, "\"%s\" cannot be the path of a control group",
                                 group);
        }
        r = cgroup_find_mount(&mount, error);
        if (r < 0) {
                return r;
        }
        path = string_format("%s%s", mount, group);
        if (!path) {
                return error_oom(error);
        }
        if (is_populated(path)) {
                error_say(error, EBUSY, "processes are in the control group %s already", path);
                error_hint(error, "a container has a control group of its own: choose another "
                                  "linux.cgroupsPath, or end the processes");
                return -EBUSY;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

bool cgroup_may_create(const char *path)
{
        _cleanup_free_ char *part = strdup(path);
        char *slash = NULL;

        while (part && access(part, F_OK) < 0 && errno == ENOENT &&
               (slash = strrchr(part, '/')) != NULL && slash > part) {
                *slash = '\0';
        }
        /* What is there already only has to let processes in. */
        return part && faccessat(AT_FDCWD, part, W_OK | X_OK, AT_EACCESS) == 0;
}

/* The directory and what is above it. */
static int make_directories(const char *path)
{
        _cleanup_free_ char *part = strdup(path);

        if (!part) {
                return -ENOMEM;
        }
        if (mkdir(path, 0755) == 0 || errno == EEXIST) {
                return 0;
        }
        for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(part, 0755) < 0 && errno != EEXIST && errno != EROFS) {
                        return -errno;
                }
                *slash = '/';
        }
        return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int cgroup_create_at(const char *path, struct cgroup *ret, struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        _cleanup_free_ char *mount = NULL, *above = NULL;
        int r = cgroup_find_mount(&mount, error);

        if (r < 0) {
                return r;
        }
        r = make_directories(path);
        if (r < 0) {
                return error_set(error, r, "cannot create the control group %s", path);
        }
        r = cgroup_open(path, &group, error);
        if (r < 0) {
                return r;
        }
        /* Controllers come from the top, but what is above the group is not ours to remove. */
        above = TAKE_PTR(group.top);
        group.top = TAKE_PTR(mount);
        r = cgroup_enable_controllers(&group, CGROUP_ALL, error);
        free(group.top);
        group.top = TAKE_PTR(above);
        if (r < 0) {
                (void)cgroup_remove(&group, 0, NULL);
                return r;
        }
        group.is_new = true;
        *ret = group;
        group = (struct cgroup)CGROUP_INIT;
        return 0;
}

int cgroup_create_below(const char *path, pid_t pid, struct cgroup *ret,
                        struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        _cleanup_free_ char *below = string_format("%s/container", path);
        char text[16];
        int r;

        if (!below) {
                return error_oom(error);
        }
        if (mkdir(below, 0755) < 0 && errno != EEXIST) {
                return error_set(error, errno, "cannot create the control group %s", below);
        }
        r = cgroup_open(below, &group, error);
        if (r < 0) {
                return r;
        }
        (void)snprintf(text, sizeof text, "%d", pid);
        r = file_write_value(group.fd, "cgroup.procs", text);
        if (r < 0) {
                return error_set(error, r, "cannot move a process to the control group %s", below);
        }
        r = cgroup_enable_controllers(&group, CGROUP_ALL, error);
        if (r < 0) {
                return r;
        }
        group.is_new = true;
        *ret = group;
        group = (struct cgroup)CGROUP_INIT;
        return 0;
}

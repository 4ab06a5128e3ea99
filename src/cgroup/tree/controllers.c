/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/controllers.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"
#include "cgroup/tree/processes.h"

#define LIST_MAXIMUM    4096
#define PROC_MAXIMUM    65536
#define PROCESSES_SHOWN 4

static const struct {
        enum cgroup_controller controller;
        const char *name;
        const char *legacy; /* the name in cgroup v1 */
} controllers[CGROUP_CONTROLLERS] = {
        { CGROUP_CPU, "cpu", "cpu" },    { CGROUP_CPUSET, "cpuset", "cpuset" },
        { CGROUP_IO, "io", "blkio" },    { CGROUP_MEMORY, "memory", "memory" },
        { CGROUP_PIDS, "pids", "pids" }, { CGROUP_HUGETLB, "hugetlb", "hugetlb" },
        { CGROUP_RDMA, "rdma", "rdma" }, { CGROUP_MISC, "misc", "misc" },
};

const char *cgroup_controller_name(enum cgroup_controller controller)
{
        for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
                if (controllers[i].controller == controller) {
                        return controllers[i].name;
                }
        }
        return "unknown";
}

static const char *legacy_name(enum cgroup_controller controller)
{
        for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
                if (controllers[i].controller == controller) {
                        return controllers[i].legacy;
                }
        }
        return "unknown";
}

unsigned int cgroup_parse_controllers(const char *text)
{
        unsigned int mask = 0;

        while (*text) {
                size_t length = strcspn(text, " \n");

                for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
                        if (strlen(controllers[i].name) == length &&
                            memcmp(controllers[i].name, text, length) == 0) {
                                mask |= controllers[i].controller;
                        }
                }
                text += length;
                text += strspn(text, " \n");
        }
        return mask;
}

int cgroup_read_controllers(int directory_fd, const char *file, unsigned int *ret)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(directory_fd, file, LIST_MAXIMUM, &text, NULL);

        if (r < 0) {
                return r;
        }
        *ret = cgroup_parse_controllers(text);
        return 0;
}

/* The text that enables every controller of the mask in one write(2). */
static int enable_mask(int directory_fd, unsigned int mask)
{
        char text[CGROUP_CONTROLLERS * 10 + 1] = "";
        char *out = text;

        for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
                if (mask & controllers[i].controller) {
                        out += sprintf(out, "+%s ", controllers[i].name);
                }
        }
        return file_write_value(directory_fd, "cgroup.subtree_control", text);
}

/* Enables the wanted controllers that a directory can pass to those below it. The kernel takes a
 * write as a whole or not at all, so one unavailable controller must not prevent the others. */
static int enable_in(int directory_fd, unsigned int wanted)
{
        unsigned int available, enabled, missing;
        int r = cgroup_read_controllers(directory_fd, "cgroup.controllers", &available);

        if (r == 0) {
                r = cgroup_read_controllers(directory_fd, "cgroup.subtree_control", &enabled);
        }
        if (r < 0) {
                return r;
        }
        missing = wanted & available & ~enabled;
        if (missing && enable_mask(directory_fd, missing) < 0) {
                for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
                        if (missing & controllers[i].controller) {
                                (void)enable_mask(directory_fd, controllers[i].controller);
                        }
                }
        }
        return 0;
}

/* Handles each directory from the top down to the parent of the group. */
static int list_levels(const struct cgroup *group, char ***ret)
{
        _cleanup_strv_ char **levels = NULL;
        size_t length = strlen(group->top);

        do {
                int r = strv_take(&levels, strndup(group->path, length));

                if (r < 0) {
                        return r;
                }
                length += 1;
                length += strcspn(group->path + length, "/");
        } while (group->path[length]);
        *ret = TAKE_PTR(levels);
        return 0;
}

static int open_directory(const char *path)
{
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int enable_levels(const struct cgroup *group, unsigned int wanted,
                         struct machine_error *error)
{
        _cleanup_strv_ char **levels = NULL;

        if (list_levels(group, &levels) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(level, levels) {
                _cleanup_close_ int fd = open_directory(*level);
                int r = fd < 0 ? fd : enable_in(fd, wanted);

                if (r < 0) {
                        return error_set(error, r, "cannot read the controllers of %s", *level);
                }
        }
        return 0;
}

int cgroup_enable_controllers(struct cgroup *group, unsigned int wanted,
                              struct machine_error *error)
{
        _cleanup_close_ int top = open_directory(group->top);
        unsigned int present = 0, possible = 0;
        int r = cgroup_read_controllers(group->fd, "cgroup.controllers", &present);

        if (r == 0) {
                r = top < 0 ? top : cgroup_read_controllers(top, "cgroup.controllers", &possible);
        }
        if (r < 0) {
                return error_set(error, r, "cannot read the controllers of %s", group->path);
        }
        /* The previous machine has usually left everything enabled: two reads suffice. */
        if ((wanted & possible & ~present) != 0) {
                r = enable_levels(group, wanted, error);
                if (r == 0) {
                        r = cgroup_read_controllers(group->fd, "cgroup.controllers", &present);
                }
                if (r < 0) {
                        return r;
                }
        }
        group->controllers = present;
        return 0;
}

/* Finds a controller in /proc/cgroups: lines of name, hierarchy, number of groups, enabled. */
static bool find_in_kernel(const char *proc_cgroups, const char *name, unsigned int *ret_hierarchy,
                           unsigned int *ret_enabled)
{
        const char *line = proc_cgroups;

        while (line && *line) {
                char found[64];
                unsigned int hierarchy, count, enabled;

                if (sscanf(line, "%63s %u %u %u", found, &hierarchy, &count, &enabled) == 4 &&
                    strcmp(found, name) == 0) {
                        *ret_hierarchy = hierarchy;
                        *ret_enabled = enabled;
                        return true;
                }
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
        return false;
}

int cgroup_explain_absence(enum cgroup_controller controller, const char *limit,
                           const char *mountinfo, const char *proc_cgroups,
                           struct machine_error *error)
{
        const char *name = cgroup_controller_name(controller);
        const char *legacy = legacy_name(controller);
        unsigned int hierarchy = 0, enabled = 1;
        _cleanup_free_ char *holder = NULL;
        bool known = find_in_kernel(proc_cgroups, legacy, &hierarchy, &enabled);

        if (mountinfo && mount_table_find(mountinfo, "cgroup", legacy, &holder) == 0) {
                error_say(error, ENODEV,
                          "%s needs the controller \"%s\" of cgroup v2, which is in use by the "
                          "cgroup v1 hierarchy at %s",
                          limit, name, holder);
                error_hint(error,
                           "boot with cgroup_no_v1=all (with systemd: "
                           "systemd.unified_cgroup_hierarchy=1), or remove %s",
                           limit);
        } else if (known && hierarchy != 0) {
                error_say(
                        error, ENODEV,
                        "%s needs the controller \"%s\" of cgroup v2, which is in use by a cgroup "
                        "v1 hierarchy (number %u in /proc/cgroups) that is not mounted here",
                        limit, name, hierarchy);
                error_hint(error, "boot with cgroup_no_v1=all, or remove %s", limit);
        } else if (known && !enabled) {
                error_say(error, ENODEV,
                          "%s needs the controller \"%s\", which is disabled in this kernel", limit,
                          name);
                error_hint(error, "remove cgroup_disable=%s from the kernel's command line",
                           legacy);
        } else {
                error_say(error, ENODEV,
                          "%s needs the controller \"%s\" of cgroup v2, which this kernel lacks",
                          limit, name);
                error_hint(error, "use a kernel built with it, or remove %s", limit);
        }
        return -ENODEV;
}

static int explain_top(const struct cgroup *group, enum cgroup_controller controller,
                       const char *limit, struct machine_error *error)
{
        _cleanup_free_ char *mountinfo = NULL;
        _cleanup_free_ char *proc_cgroups = NULL;
        _cleanup_free_ char *above = string_format("%s/../cgroup.controllers", group->top);

        /* Above a unit, its manager decides about controllers. */
        if (above && access(above, F_OK) == 0) {
                error_say(error, ENODEV,
                          "%s needs the controller \"%s\", which is not enabled for %s", limit,
                          cgroup_controller_name(controller), group->top);
                error_hint(error, "%s",
                           strstr(group->top, "/user@")
                                   ? CGROUP_DELEGATION
                                   : "set Delegate=yes in the unit, or add the controller to it");
                return -ENODEV;
        }
        (void)mount_table_read(&mountinfo);
        (void)file_read(AT_FDCWD, "/proc/cgroups", PROC_MAXIMUM, &proc_cgroups, NULL);
        return cgroup_explain_absence(controller, limit, mountinfo, proc_cgroups, error);
}

/* Explains why `level` does not pass a controller on, from the kernel's error for a write to
 * cgroup.subtree_control. */
static int explain_level(int level_fd, const char *level, enum cgroup_controller controller,
                         const char *limit, int number, struct machine_error *error)
{
        _cleanup_free_ char *processes = NULL;
        const char *name = cgroup_controller_name(controller);

        if (number == -EBUSY) {
                processes = cgroup_processes_text(level_fd, false, PROCESSES_SHOWN);
                error_say(error, EBUSY,
                          "%s needs the controller \"%s\", which cannot be enabled below %s: it "
                          "contains processes (%s), and cgroup v2 allows them in leaves only",
                          limit, name, level, processes ? processes : "none visible");
                error_hint(error, "move them to a child group");
        } else if (number == -EINVAL && controller == CGROUP_CPU) {
                error_say(error, EINVAL,
                          "%s needs the controller \"cpu\", which the kernel does not enable below "
                          "%s while real-time processes run outside the root group "
                          "(CONFIG_RT_GROUP_SCHED)",
                          limit, level);
                error_hint(error, "find them with: ps -eo pid,cls,comm | grep -E 'FF|RR'");
        } else if (number == -EINVAL || number == -ENOENT || number == -EOPNOTSUPP) {
                error_set(error, number,
                          "%s needs the controller \"%s\", which %s/cgroup.subtree_control does "
                          "not accept",
                          limit, name, level);
        } else {
                error_set(error, number,
                          "%s needs the controller \"%s\": cannot write %s/cgroup.subtree_control",
                          limit, name, level);
                if (number == -EROFS) {
                        error_hint(error, "mount the cgroup2 file system read-write");
                }
        }
        return number;
}

/* A user's machine without a group. */
static int explain_no_group(enum cgroup_controller controller, const char *limit,
                            struct machine_error *error)
{
        error_say(error, ENODEV,
                  "%s needs the controller \"%s\" in a control group of the user's own, and this "
                  "process is in none",
                  limit, cgroup_controller_name(controller));
        if (access("/run/systemd/system", F_OK) == 0) {
                error_hint(error, "run it in a unit with delegation: systemd-run --user --scope -p "
                                  "Delegate=yes machinectl-lite run ..; or start it as a service: "
                                  "systemctl --user start container@NAME");
        } else {
                error_hint(error,
                           "root makes one: mkdir and chown a group and its files "
                           "cgroup.procs, cgroup.subtree_control, and moves the session to "
                           "it; or remove %s",
                           limit);
        }
        return -ENODEV;
}

int cgroup_require_controller(struct cgroup *group, enum cgroup_controller controller,
                              const char *limit, struct machine_error *error)
{
        _cleanup_strv_ char **levels = NULL;

        if (group->controllers & controller) {
                return 0;
        }
        if (!group->path) {
                return explain_no_group(controller, limit, error);
        }
        if (list_levels(group, &levels) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(level, levels) {
                _cleanup_close_ int fd = open_directory(*level);
                unsigned int available = 0;
                int r = fd < 0 ? fd : cgroup_read_controllers(fd, "cgroup.controllers", &available);

                if (r < 0) {
                        return error_set(error, r, "cannot read the controllers of %s", *level);
                }
                if (level == levels && !(available & controller)) {
                        return explain_top(group, controller, limit, error);
                }
                r = enable_mask(fd, controller);
                if (r < 0) {
                        return explain_level(fd, *level, controller, limit, r, error);
                }
        }
        group->controllers |= controller;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/tree.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "cgroup/tree/controllers.h"
#include "cgroup/tree/lock.h"
#include "cgroup/tree/mount.h"
#include "cgroup/tree/processes.h"

#define OWN_DIRECTORY      "machinectl-lite"
#define SMALL_MAXIMUM      65536
#define GROUP_MODE         0755
#define CREATE_TRIES       8
#define LEFTOVER_TIMEOUT   UINT64_C(1000000)
#define PROCESSES_SHOWN    4
#define NUMBER_TEXT(text)  NUMBER_TEXT_(text)
#define NUMBER_TEXT_(text) #text

static int open_directory(const char *path)
{
        int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* ---- Where ---- */

/* This process's group in the unified hierarchy: "0::/PATH" (cgroups(7)); "" for the root. */
static int own_group(char **ret)
{
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r = file_read(AT_FDCWD, "/proc/self/cgroup", SMALL_MAXIMUM, &text, NULL);

        if (r < 0) {
                return r;
        }
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *path = string_after(line, "0::");

                if (path) {
                        *ret = strdup(strcmp(path, "/") == 0 ? "" : path);
                        return *ret ? 0 : -ENOMEM;
                }
        }
        return -ENODATA;
}

/* systemd marks the group of a unit with Delegate= by these attributes (see systemd's documentation
 * of control group delegation). */
static bool is_delegated(const char *path)
{
        static const char *const attributes[] = { "trusted.delegate", "user.delegate" };

        for (size_t i = 0; i < ELEMENTS_OF(attributes); i++) {
                char value[2];

                if (getxattr(path, attributes[i], value, sizeof value) == 1) {
                        return value[0] == '1';
                }
        }
        return false;
}

/* Without systemd nobody else manages a group that its user may write to. */
static bool is_given(const char *path)
{
        _cleanup_free_ char *processes = path_join(path, "cgroup.procs");

        return processes && access("/run/systemd/system", F_OK) < 0 && access(path, W_OK) == 0 &&
               access(processes, W_OK) == 0;
}

/* The service manager of a user may mark no group as delegated (seen with systemd 252). The units
 * of machines and the scopes that this program asks for are delegated anyway. */
static bool is_units_of_user(const char *path)
{
        const char *name = strrchr(path, '/') + 1;
        bool service = string_after(name, "container@") && string_ends_with(name, ".service");
        bool scope = string_after(name, "machinectl-lite-") && string_ends_with(name, ".scope");

        return (service || scope) && access(path, W_OK) == 0;
}

/* The directory of the delegated unit that this process runs in; *ret is NULL without one. The
 * process may already be in UNIT/supervisor (DelegateSubgroup=). */
static int find_unit(const char *mount, bool by_user, char **ret)
{
        _cleanup_free_ char *own = NULL;
        _cleanup_free_ char *path = NULL;
        int r = own_group(&own);

        if (r < 0) {
                return r;
        }
        /* A group outside this cgroup namespace is shown with "..", and cannot be reached. */
        if (!*own || strncmp(own, "/..", 3) == 0) {
                return 0;
        }
        path = string_format("%s%s", mount, own);
        if (!path) {
                return -ENOMEM;
        }
        if (!is_delegated(path) && string_ends_with(path, "/supervisor")) {
                *strrchr(path, '/') = '\0';
        }
        if (is_delegated(path) || (by_user && (is_given(path) || is_units_of_user(path)))) {
                *ret = TAKE_PTR(path);
        }
        return 0;
}

/* Moves from the unit's own group to UNIT/supervisor. */
static int move_to_supervisor(const char *unit, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/supervisor", unit);
        _cleanup_close_ int fd = -EBADF;
        int r = 0;

        if (!path) {
                return error_oom(error);
        }
        if (mkdir(path, GROUP_MODE) < 0 && errno != EEXIST) {
                return error_set(error, errno, "cannot create the control group %s", path);
        }
        fd = open_directory(path);
        r = fd < 0 ? fd : file_write_value(fd, "cgroup.procs", "0");
        if (r < 0) {
                return error_set(error, r, "cannot move to the control group %s", path);
        }
        return 0;
}

/* The part of the path above the directories created by cgroup_create(). */
char *cgroup_top_of(const char *path)
{
        const char *end = strrchr(path, '/');
        char *top = end && end > path ? strndup(path, (size_t)(end - path)) : NULL;

        if (top && string_ends_with(top, "/" OWN_DIRECTORY)) {
                *strrchr(top, '/') = '\0';
        }
        return top;
}

/* Sets top and path. */
static int choose_place(const struct cgroup_parameters *parameters, struct cgroup *group,
                        struct machine_error *error)
{
        _cleanup_free_ char *mount = NULL;
        _cleanup_free_ char *unit = NULL;
        int r = 0;

        if (parameters->above) {
                group->path = path_join(parameters->above, parameters->name);
                group->top = cgroup_top_of(parameters->above);
                return group->path && group->top ? 0 : error_oom(error);
        }
        if (parameters->mount) {
                r = string_replace(&mount, parameters->mount) < 0 ? error_oom(error) : 0;
        } else {
                r = cgroup_find_mount(&mount, error);
        }
        if (r < 0) {
                return r;
        }
        r = find_unit(mount, parameters->by_user, &unit);
        if (r < 0) {
                return error_set(error, r, "cannot determine this process's control group");
        }
        if (unit) {
                r = move_to_supervisor(unit, error);
                if (r < 0) {
                        return r;
                }
                group->path = string_format("%s/payload", unit);
                group->top = TAKE_PTR(unit);
        } else if (parameters->by_user) {
                return 0;
        } else {
                group->path = string_format("%s/" OWN_DIRECTORY "/%s", mount, parameters->name);
                group->top = TAKE_PTR(mount);
        }
        return group->path ? 0 : error_oom(error);
}

/* ---- Making ---- */

static int make_directory(const struct cgroup *group)
{
        _cleanup_free_ char *parent = NULL;

        if (mkdir(group->path, GROUP_MODE) == 0) {
                return 0;
        }
        if (errno != ENOENT) {
                return -errno;
        }
        parent = strndup(group->path, (size_t)(strrchr(group->path, '/') - group->path));
        if (!parent) {
                return -ENOMEM;
        }
        if (mkdir(parent, GROUP_MODE) < 0 && errno != EEXIST) {
                return -errno;
        }
        return mkdir(group->path, GROUP_MODE) < 0 ? -errno : 0;
}

/* Removes the leftovers of a crashed start: its lock is free, so their creator is dead. */
static int remove_leftover(const char *path, int fd, struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup old = CGROUP_INIT;

        old.fd = fd;
        old.path = strdup(path);
        old.top = cgroup_top_of(path);
        return old.path && old.top ? cgroup_remove(&old, LEFTOVER_TIMEOUT, error)
                                   : error_oom(error);
}

/* Tries one name once. Returns 0, -EWOULDBLOCK if another machine has it, or -ESTALE to retry. */
static int take_name(struct cgroup *group, struct machine_error *error)
{
        bool made;
        int r = make_directory(group);

        made = r == 0;
        if (r < 0 && r != -EEXIST) {
                return r == -ENOENT ? -ESTALE : r;
        }
        r = cgroup_lock(group->path);
        if (r < 0) {
                return r;
        }
        if (!made) {
                r = remove_leftover(group->path, r, error);
                return r < 0 ? r : -ESTALE;
        }
        group->fd = r;
        return 0;
}

static int explain_make(const struct cgroup *group, int number, struct machine_error *error)
{
        if (error && error_is_set(error)) {
                return number;
        }
        error_set(error, number, "cannot create the control group %s", group->path);
        if (number == -EROFS) {
                error_hint(error, "the cgroup2 file system is mounted read-only here");
        } else if (number == -EAGAIN) {
                error_hint(error,
                           "a group above it limits their number: see cgroup.max.descendants");
        }
        return number;
}

/*
 * Machines of the same name can run at the same time if their state directories differ; the second
 * gets "NAME+1", which is not a valid name of a machine. Another start may concurrently remove the
 * parent directory, as the last machine in it, or an empty group that it takes for a leftover:
 * retry then.
 */
static int make_group(struct cgroup *group, struct machine_error *error)
{
        _cleanup_free_ char *plain = strdup(group->path);
        unsigned int suffix = 0;
        int r = -ESTALE;

        if (!plain) {
                return error_oom(error);
        }
        for (int i = 0; i < CREATE_TRIES && (r == -ESTALE || r == -EWOULDBLOCK); i++) {
                if (r == -EWOULDBLOCK) {
                        char *next = string_format("%s+%u", plain, ++suffix);

                        if (!next) {
                                return error_oom(error);
                        }
                        free(group->path);
                        group->path = next;
                }
                r = take_name(group, error);
        }
        return r < 0 ? explain_make(group, r, error) : 0;
}

/* Limits the groups below the machine's own, regardless of their owner. */
static int bound_subtree(const struct cgroup *group, struct machine_error *error)
{
        int r = file_write_value(group->fd, "cgroup.max.depth", NUMBER_TEXT(CGROUP_DEPTH_MAXIMUM));

        if (r == 0) {
                r = file_write_value(group->fd, "cgroup.max.descendants",
                                     NUMBER_TEXT(CGROUP_DESCENDANTS_MAXIMUM));
        }
        return r < 0 ? error_set(error, r, "cannot limit the groups below %s", group->path) : 0;
}

/* The kernel lists the files that may be given to the owner of a subtree; limits are not among them
 * (cgroup-v2, "Model of Delegation"). */
int cgroup_delegate(const struct cgroup *group, uid_t uid, gid_t gid, struct machine_error *error)
{
        _cleanup_free_ char *files = NULL;
        char *save = NULL;
        int r = file_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", SMALL_MAXIMUM, &files, NULL);

        if (r < 0) {
                return error_set(error, r, "cannot read /sys/kernel/cgroup/delegate");
        }
        if (fchownat(group->fd, "", uid, gid, AT_EMPTY_PATH) < 0) {
                return error_set(error, errno, "cannot give %s to uid %u", group->path, uid);
        }
        for (char *name = strtok_r(files, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
                /* The list includes files of controllers that the group lacks. */
                if (fchownat(group->fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
                    errno != ENOENT) {
                        return error_set(error, errno, "cannot give %s/%s to uid %u", group->path,
                                         name, uid);
                }
        }
        return 0;
}

int cgroup_create(const struct cgroup_parameters *parameters, struct cgroup *ret,
                  struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        int r;

        if (!path_is_component(parameters->name)) {
                return error_say(error, EINVAL, "\"%s\" is not a valid name of a control group",
                                 parameters->name);
        }
        r = choose_place(parameters, &group, error);
        if (r == 0 && !group.path) {
                ret->is_new = true; /* it has no limits */
                return 0;
        }
        if (r == 0) {
                r = make_group(&group, error);
        }
        if (r < 0) {
                return r;
        }
        r = bound_subtree(&group, error);
        if (r == 0) {
                r = cgroup_enable_controllers(&group, parameters->boots ? CGROUP_ALL : CGROUP_USUAL,
                                              error);
        }
        if (r < 0) {
                (void)cgroup_remove(&group, 0, NULL);
                return r;
        }
        /* What is above it goes with its last machine, unless it is shared. */
        if (parameters->above && string_replace(&group.top, parameters->above) < 0) {
                (void)cgroup_remove(&group, 0, NULL);
                return error_oom(error);
        }
        group.is_new = true;
        *ret = group;
        group = (struct cgroup)CGROUP_INIT;
        return 0;
}

/* ---- Finding again ---- */

int cgroup_open(const char *path, struct cgroup *ret, struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        struct statfs statistics;
        int r = 0;

        group.fd = open_directory(path);
        if (group.fd < 0) {
                return error_set(error, group.fd, "cannot open the control group %s", path);
        }
        if (fstatfs(group.fd, &statistics) < 0 || statistics.f_type != CGROUP2_SUPER_MAGIC) {
                return error_say(error, EINVAL, "%s is not a control group of cgroup v2", path);
        }
        group.path = strdup(path);
        group.top = cgroup_top_of(path);
        if (!group.path || !group.top) {
                return error_oom(error);
        }
        r = cgroup_read_controllers(group.fd, "cgroup.controllers", &group.controllers);
        if (r < 0) {
                return error_set(error, r, "cannot read the controllers of %s", path);
        }
        *ret = group;
        group = (struct cgroup)CGROUP_INIT;
        return 0;
}

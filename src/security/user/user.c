/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/user/user.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/helper.h"
#include "base/strings.h"

/* The supplementary groups stay until a machine's first process drops them: they may give access to
 * sources of its mounts. */
static int become_root(struct machine_error *error)
{
        return setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0
                       ? error_set(error, errno, "cannot become root of the user namespace")
                       : 0;
}

/* Checked before the maps are written: without capabilities that fails with less to read. */
static int enter_new(struct machine_error *error)
{
        return unshare(CLONE_NEWUSER) < 0 ? user_namespace_explain(errno, error)
                                          : user_namespace_check(error);
}

/* ---- with subordinate ids ---- */

/* What one of the programs writes. */
struct mapping {
        const struct id_range *ranges;
        size_t count;
        const gid_t *groups;
        size_t group_count;
};

static int append_number(char ***arguments, uint32_t number)
{
        return strv_take(arguments, string_format("%" PRIu32, number));
}

static int append_line(char ***arguments, uint32_t inside, uint32_t outside, uint32_t count)
{
        return append_number(arguments, inside) < 0 || append_number(arguments, outside) < 0 ||
                               append_number(arguments, count) < 0
                       ? -ENOMEM
                       : 0;
}

/* NAME PID 0 OWN 1, then 1 BASE COUNT and so on, then the groups to keep. */
static int make_arguments(const char *name, uint32_t own, const struct mapping *mapping,
                          char ***ret)
{
        _cleanup_strv_ char **arguments = NULL;
        uint32_t next = 1;

        if (strv_append(&arguments, name) < 0 ||
            append_number(&arguments, (uint32_t)getpid()) < 0 ||
            append_line(&arguments, 0, own, 1) < 0) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < mapping->count; i++) {
                const struct id_range *range = &mapping->ranges[i];

                if (append_line(&arguments, next, range->base, range->count) < 0) {
                        return -ENOMEM;
                }
                next += range->count;
        }
        for (size_t i = 0; i < mapping->group_count; i++) {
                if (append_line(&arguments, USER_GROUPS_FIRST + (uint32_t)i, mapping->groups[i],
                                1) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(arguments);
        return 0;
}

static int start_mapper(const char *name, uint32_t own, const struct mapping *mapping,
                        const int *go, struct helper *ret, struct machine_error *error)
{
        _cleanup_strv_ char **arguments = NULL;
        const char *path = helper_find(name);
        int r;

        if (!path) {
                error_say(error, ENOENT, "%s is missing, which maps a user's subordinate ids",
                          name);
                error_hint(error,
                           "install the package uidmap (shadow-utils on Fedora); or run the "
                           "machine with the user's own id alone: user_namespace = \"self\"");
                return -ENOENT;
        }
        if (make_arguments(name, own, mapping, &arguments) < 0) {
                return error_oom(error);
        }
        r = helper_start(path, arguments, go, ret);
        return r < 0 ? error_set(error, r, "cannot run %s", path) : 0;
}

/* Whether the program can do what it is for: by its set-user-ID bit or file capabilities. */
static bool lacks_rights(const char *path)
{
        struct stat status;

        return stat(path, &status) == 0 && !(status.st_mode & S_ISUID) &&
               getxattr(path, "security.capability", NULL, 0) < 0;
}

static int finish_mapper(struct helper *helper, const char *name, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL, *printable = NULL;
        const char *path = helper_find(name);
        int status = helper_wait(helper, &text);

        if (status <= 0) {
                return status < 0 ? error_set(error, status, "cannot wait for %s", name) : 0;
        }
        printable = string_printable(text);
        error_say(error, EPERM, "%s failed with status %d: %s", name, status,
                  printable && *printable ? printable : "it printed no reason");
        if (path && lacks_rights(path)) {
                error_hint(error,
                           "it has neither the set-user-ID bit nor file capabilities: "
                           "reinstall the package uidmap, or: chmod u+s %s",
                           path);
        } else {
                error_hint(error, "it checks /etc/subuid and /etc/subgid, and that the process has "
                                  "the user's primary group");
        }
        return -EPERM;
}

/* Both programs run outside, at the same time, as soon as this process is in its namespace. */
static int make_full(const struct subordinate_ids *ids, struct machine_error *error)
{
        const struct mapping users = { .ranges = ids->uids, .count = ids->uid_count };
        const struct mapping groups = { ids->gids, ids->gid_count, ids->groups, ids->group_count };
        struct helper uids = HELPER_INIT, gids = HELPER_INIT;
        int ends[2], r, second;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot create a pipe");
        }
        r = start_mapper("newuidmap", geteuid(), &users, ends, &uids, error);
        if (r == 0) {
                r = start_mapper("newgidmap", getegid(), &groups, ends, &gids, error);
        }
        r = r == 0 ? enter_new(error) : r;
        /* After a failure they find no namespace that they may map, and end. */
        fd_close(ends[0]);
        fd_close(ends[1]);
        if (uids.pid > 0) {
                second = finish_mapper(&uids, "newuidmap", r < 0 ? NULL : error);
                r = r < 0 ? r : second;
        }
        if (gids.pid > 0) {
                second = finish_mapper(&gids, "newgidmap", r < 0 ? NULL : error);
                r = r < 0 ? r : second;
        }
        return r;
}

/* ---- with the user's own id alone ---- */

static int make_self(struct machine_error *error)
{
        char uids[32], gids[32];
        const struct {
                const char *path;
                const char *text;
        } files[] = {
                /* Without CAP_SETGID over the group the kernel requires this. */
                { "/proc/self/setgroups", "deny" },
                { "/proc/self/uid_map", uids },
                { "/proc/self/gid_map", gids },
        };
        int r;

        snprintf(uids, sizeof uids, "0 %u 1\n", geteuid());
        snprintf(gids, sizeof gids, "0 %u 1\n", getegid());
        r = enter_new(error);
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(files); i++) {
                r = file_write_value(AT_FDCWD, files[i].path, files[i].text);
                if (r < 0) {
                        return error_set(error, r, "cannot write %s", files[i].path);
                }
        }
        return r;
}

int user_namespace_make(const struct subordinate_ids *ids, struct machine_error *error)
{
        int r = ids ? make_full(ids, error) : make_self(error);

        return r < 0 ? r : become_root(error);
}

/* ---- joining ---- */

static bool is_own_namespace(int fd)
{
        struct stat own, other;

        return stat("/proc/self/ns/user", &own) == 0 && fstat(fd, &other) == 0 &&
               own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/* Also the user namespaces of machines belong to the user: their parent tells them apart. */
static int check_namespace(int fd, pid_t pid, struct machine_error *error)
{
        _cleanup_close_ int parent = ioctl(fd, NS_GET_PARENT);
        uid_t owner = (uid_t)-1;

        if (ioctl(fd, NS_GET_OWNER_UID, &owner) < 0 || owner != geteuid()) {
                return error_say(error, EPERM,
                                 "the user namespace of process %d was not made by user %u", pid,
                                 geteuid());
        }
        if (parent < 0 || !is_own_namespace(parent)) {
                return error_say(error, EPERM,
                                 "the user namespace of process %d is not one of this host's", pid);
        }
        return 0;
}

static int open_namespace(const struct process_identity *member, struct machine_error *error)
{
        _cleanup_close_ int process = process_open(member), fd = -EBADF;
        char path[64];
        struct pollfd end = { .fd = process, .events = POLLIN };

        if (process < 0) {
                return process;
        }
        snprintf(path, sizeof path, "/proc/%d/ns/user", member->pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                return errno == ENOENT || errno == ESRCH
                               ? -ESRCH
                               : error_set(error, errno, "cannot open %s", path);
        }
        /* Only now is it certain that the path was not that of a later process. */
        if (poll(&end, 1, 0) != 0) {
                return -ESRCH;
        }
        return TAKE_FD(fd);
}

static int join(int fd, pid_t pid, struct machine_error *error)
{
        int r = check_namespace(fd, pid, error);

        if (r < 0) {
                return r;
        }
        if (setns(fd, CLONE_NEWUSER) < 0) {
                return error_set(error, errno, "cannot join the user namespace of process %d", pid);
        }
        return become_root(error);
}

int user_namespace_join(const struct process_identity *member, struct machine_error *error)
{
        _cleanup_close_ int fd = open_namespace(member, error);

        return fd < 0 ? fd : join(fd, member->pid, error);
}

int user_namespace_join_above(const struct process_identity *inner, struct machine_error *error)
{
        _cleanup_close_ int fd = open_namespace(inner, error), above = -EBADF;

        if (fd < 0 || is_own_namespace(fd)) {
                return fd < 0 ? fd : 0;
        }
        above = ioctl(fd, NS_GET_PARENT);
        return above < 0 ? error_set(error, errno,
                                     "cannot find the user namespace above that of process %d",
                                     inner->pid)
                         : join(above, inner->pid, error);
}

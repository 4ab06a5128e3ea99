/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rights/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"

/* The kernel's limit (path_resolution(7)). */
#define LINKS_MAXIMUM 40

#define WRITABLE_BY_OTHERS (S_IWGRP | S_IWOTH)

/* The path from "/" to a file. */
struct walk {
        const char *path; /* as given by the user */
        uid_t owner;
        int flags;       /* of the file at its end */
        char *rest;      /* the remaining components */
        char *here;      /* the resolved part, without links */
        int fd;          /* the current directory */
        struct stat dir; /* .. and its status */
        int file;        /* the file, once it is found */
        unsigned int links;
        struct machine_error *error;
};

/* ---- Checking one step ---- */

static bool is_trusted_user(const struct walk *walk, uid_t uid)
{
        return uid == 0 || uid == walk->owner;
}

/* The bits of the mode that give write access to an untrusted user. */
static mode_t excess(const struct walk *walk, const struct stat *status)
{
        mode_t bits = status->st_mode & WRITABLE_BY_OTHERS;
        bool private_group = walk->owner != 0 && status->st_gid == walk->owner;

        /* Data written to a device is not what another process reads from it. */
        if (S_ISCHR(status->st_mode) || (S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX))) {
                return 0;
        }
        return private_group ? bits & ~(mode_t)S_IWGRP : bits;
}

/* The command that fixes it. NULL if out of memory. */
static char *mending(const char *place, bool foreign, bool excessive)
{
        _cleanup_free_ char *quoted = string_shell_quoted(place);

        if (!quoted) {
                return NULL;
        }
        return string_format("%s%s%s%s%s", foreign ? "chown -h root:root " : "",
                             foreign ? quoted : "", foreign && excessive ? " && " : "",
                             excessive ? "chmod go-w " : "", excessive ? quoted : "");
}

static int refuse(const struct walk *walk, const char *place, const struct stat *status)
{
        bool foreign = !is_trusted_user(walk, status->st_uid);
        bool itself = strcmp(place, walk->path) == 0;
        mode_t bits = S_ISLNK(status->st_mode) ? 0 : excess(walk, status);
        _cleanup_free_ char *command = mending(place, foreign, bits != 0);
        _cleanup_free_ char *named = itself ? strdup("it")
                                            : string_format("the %s \"%s\"",
                                                            S_ISDIR(status->st_mode)   ? "directory"
                                                            : S_ISLNK(status->st_mode) ? "link"
                                                                                       : "file",
                                                            place);

        if (!command || !named) {
                return -ENOMEM;
        }
        error_say(walk->error, EPERM, "root does not trust \"%s\": %s %s (owner %u:%u, mode %04o)",
                  walk->path, named,
                  foreign          ? "belongs to another user"
                  : bits & S_IWOTH ? "is writable by every user"
                                   : "is writable by a group",
                  status->st_uid, status->st_gid, status->st_mode & 07777);
        error_hint(walk->error,
                   "%s; or move it to a directory owned by root; with sudo, --trust-owner trusts "
                   "your own files",
                   command);
        return -EPERM;
}

static int judge(const struct walk *walk, const char *place, const struct stat *status)
{
        return is_trusted_user(walk, status->st_uid) && excess(walk, status) == 0
                       ? 0
                       : refuse(walk, place, status);
}

/* The target of a link cannot change; its owner only matters in a directory where others can create
 * entries. */
static int judge_link(const struct walk *walk, const char *place, const struct stat *status)
{
        return !(walk->dir.st_mode & WRITABLE_BY_OTHERS) || is_trusted_user(walk, status->st_uid)
                       ? 0
                       : refuse(walk, place, status);
}

/* ---- Walking the path ---- */

static int enter(struct walk *walk, int fd, const struct stat *status, const char *place)
{
        int r = judge(walk, place, status);

        if (r == 0 && string_replace(&walk->here, place) < 0) {
                r = -ENOMEM;
        }
        if (r < 0) {
                fd_close(fd);
                return r;
        }
        fd_close(walk->fd);
        walk->fd = fd;
        walk->dir = *status;
        return 0;
}

static int enter_path(struct walk *walk, const char *name, const char *place)
{
        int fd = openat(walk->fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat status;

        if (fd < 0) {
                return -errno;
        }
        if (fstat(fd, &status) < 0) {
                int r = -errno;

                fd_close(fd);
                return r;
        }
        return enter(walk, fd, &status, place);
}

/* Without links on the path, the parent is a directory that has been checked already. */
static int go_up(struct walk *walk)
{
        _cleanup_free_ char *above = strdup(walk->here);
        char *slash = above ? strrchr(above, '/') : NULL;

        if (!slash) {
                return -ENOMEM;
        }
        slash[slash == above] = '\0';
        return enter_path(walk, "..", above);
}

/* Continues with the target of a link. */
static int follow(struct walk *walk, int link_fd)
{
        char target[PATH_MAX];
        ssize_t length = readlinkat(link_fd, "", target, sizeof target - 1);
        char *rest;

        if (length < 0) {
                return -errno;
        }
        if (++walk->links > LINKS_MAXIMUM) {
                return -ELOOP;
        }
        target[length] = '\0';
        rest = string_format("%s/%s", target, walk->rest);
        if (!rest) {
                return -ENOMEM;
        }
        free(walk->rest);
        walk->rest = rest;
        return target[0] == '/' ? enter_path(walk, "/", "/") : 0;
}

static bool is_procfs(int fd)
{
        struct statfs info;

        return fstatfs(fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

/* Checks the file at the end, as opened from a checked directory. *handed: it is one of the
 * caller's own descriptors, /dev/fd/N. */
static int open_last(struct walk *walk, const char *name, const char *place, bool handed)
{
        _cleanup_close_ int fd =
                openat(walk->fd, name,
                       walk->flags | O_CLOEXEC | O_NONBLOCK |
                               ((walk->flags & O_PATH) ? 0 : O_NOCTTY) | (handed ? 0 : O_NOFOLLOW));
        struct stat status;
        int r;

        if (fd < 0 || fstat(fd, &status) < 0) {
                return -errno;
        }
        /* A pipe without a name only contains what the caller wrote to it. */
        r = handed && S_ISFIFO(status.st_mode) ? 0 : judge(walk, place, &status);
        if (r == 0) {
                walk->file = TAKE_FD(fd);
        }
        return r;
}

/* One component. */
static int step(struct walk *walk, const char *name, bool last)
{
        _cleanup_free_ char *place = path_join(walk->here, name);
        _cleanup_close_ int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;
        bool handed;
        int r;

        if (!place) {
                return -ENOMEM;
        }
        if (fd < 0 || fstat(fd, &status) < 0) {
                return -errno;
        }
        handed = S_ISLNK(status.st_mode) && is_procfs(fd);
        if (S_ISLNK(status.st_mode) && !handed) {
                r = judge_link(walk, place, &status);
                return r < 0 ? r : follow(walk, fd);
        }
        if (last) {
                return open_last(walk, name, place, handed);
        }
        return handed                    ? enter_path(walk, name, place)
               : S_ISDIR(status.st_mode) ? enter(walk, TAKE_FD(fd), &status, place)
                                         : -ENOTDIR;
}

/* Removes the next component of the path and returns it, allocated; NULL at the end. */
static int take_name(struct walk *walk, char **ret)
{
        char *at = walk->rest + strspn(walk->rest, "/");
        size_t length = strcspn(at, "/");

        *ret = NULL;
        if (length == 0) {
                return 0;
        }
        *ret = strndup(at, length);
        if (!*ret) {
                return -ENOMEM;
        }
        memmove(walk->rest, at + length, strlen(at + length) + 1);
        return 0;
}

static int go(struct walk *walk)
{
        int r = enter_path(walk, "/", "/");

        while (r == 0 && walk->file < 0) {
                _cleanup_free_ char *name = NULL;
                bool last;

                r = take_name(walk, &name);
                if (r < 0 || !name) {
                        break;
                }
                last = walk->rest[strspn(walk->rest, "/")] == '\0';
                if (strcmp(name, "..") == 0) {
                        r = go_up(walk);
                } else if (strcmp(name, ".") != 0) {
                        r = step(walk, name, last);
                }
        }
        /* The path ended in a directory, by "..", "." or a link to "/". */
        if (r == 0 && walk->file < 0) {
                walk->file = openat(walk->fd, ".", walk->flags | O_CLOEXEC);
                r = walk->file < 0 ? -errno : 0;
        }
        return r < 0 ? r : walk->file;
}

static int walk_to(const char *path, uid_t owner, int flags, struct machine_error *error)
{
        struct walk walk = {
                .path = path,
                .owner = owner,
                .flags = flags,
                .fd = -EBADF,
                .file = -EBADF,
                .error = error,
        };
        _cleanup_free_ char *directory = path[0] == '/' ? NULL : get_current_dir_name();
        int r;

        if (path[0] != '/' && !directory) {
                return -errno;
        }
        walk.rest = path_join(directory ? directory : "/", path);
        r = walk.rest ? go(&walk) : -ENOMEM;
        free(walk.rest);
        free(walk.here);
        fd_close(walk.fd);
        return r;
}

int trust_open(const char *path, uid_t owner, int flags, struct machine_error *error)
{
        int fd;

        if (caller_is_root()) {
                return walk_to(path, owner, flags, error);
        }
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

int trust_read(const char *path, uid_t owner, const char *what, size_t maximum, char **ret,
               size_t *ret_length, struct machine_error *error)
{
        _cleanup_close_ int fd = trust_open(path, owner, O_RDONLY, error);
        struct stat status;
        int r = fd;

        if (fd == -EPERM && error_is_set(error)) {
                error_prefix(error, "cannot read %s", what);
                return fd;
        }
        if (fd >= 0) {
                r = fstat(fd, &status) < 0     ? -errno
                    : S_ISFIFO(status.st_mode) ? -ENXIO
                                               : file_read_fd(fd, maximum, ret, ret_length);
        }
        return r < 0 ? file_explain(r, what, path, error) : 0;
}

int trust_read_text(const char *path, uid_t owner, const char *what, size_t maximum, char **ret,
                    size_t *ret_length, struct machine_error *error)
{
        int r = trust_read(path, owner, what, maximum, ret, ret_length, error);

        if (r == 0) {
                file_drop_mark(*ret, ret_length);
        }
        return r;
}

int trust_judge(const char *path, uid_t owner, struct machine_error *error)
{
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        _cleanup_close_ int fd = walk_to(path, owner, O_PATH, &reason);

        if (fd == -EPERM && error_is_set(&reason)) {
                error_move(error, &reason);
                return -EPERM;
        }
        return fd == -ENOMEM ? -ENOMEM : 0;
}

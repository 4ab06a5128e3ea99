/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/bare/bare.h"

/* Files of procfs that may be covered: others would mislead programs that write to them
 * (CVE-2025-52881), or whoever looks at a process. LXCFS offers these. */
static const char *const covered_in_proc[] = {
        "/proc/cpuinfo",
        "/proc/diskstats",
        "/proc/loadavg",
        "/proc/meminfo",
        "/proc/net/dev",
        "/proc/slabinfo",
        "/proc/stat",
        "/proc/swaps",
        "/proc/sys/crypto/fips_enabled",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/uptime",
};

static bool may_cover(const char *path)
{
        for (size_t i = 0; i < ELEMENTS_OF(covered_in_proc); i++) {
                if (string_equal(covered_in_proc[i], path)) {
                        return true;
                }
        }
        return false;
}

static bool is_on_proc(int fd)
{
        struct statfs info;

        return fstatfs(fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

/* procfs and sysfs are where programs look for them, and nowhere that the root's links lead to
 * (CVE-2019-19921). */
static bool must_be_plain(const struct machine_mount *mount)
{
        return mount->type == MACHINE_MOUNT_FILE_SYSTEM &&
               (string_equal(mount->file_system, "proc") ||
                string_equal(mount->file_system, "sysfs"));
}

static int open_target(struct rootfs *rootfs, const struct machine_mount *mount)
{
        return must_be_plain(mount)
                       ? path_open_no_links(rootfs->root_fd, mount->target + 1, O_PATH, 0)
                       : path_open_in_root(rootfs->root_fd, mount->target, O_PATH, 0);
}

/* ---- making ---- */

#define LINKS_MAXIMUM 40

/* Where the link at the first `length` bytes of a path leads, with the rest of the path; NULL if it
 * is none. */
static char *follow(int root_fd, const char *path, size_t length)
{
        _cleanup_free_ char *part = strndup(path, length);
        _cleanup_close_ int fd =
                part ? path_open_in_root(root_fd, part, O_PATH | O_NOFOLLOW, 0) : -ENOMEM;
        char target[PATH_MAX];
        ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof target - 1);

        if (n <= 0) {
                return NULL;
        }
        target[n] = '\0';
        return target[0] == '/' ? string_format("%s%s", target, path + length)
                                : string_format("%.*s/%s%s", (int)(strrchr(part, '/') - part), part,
                                                target, path + length);
}

/* The length of the path's beginning that does not exist; the one that is shorter by a component
 * does. 0: all of it exists. */
static int first_missing(int root_fd, const char *path, size_t *ret_length)
{
        const char *end = path;

        do {
                _cleanup_free_ char *part = NULL;
                _cleanup_close_ int fd = -EBADF;

                end += strspn(end, "/");
                end += strcspn(end, "/");
                part = strndup(path, (size_t)(end - path));
                fd = part ? path_open_in_root(root_fd, part, O_PATH, 0) : -ENOMEM;
                if (fd == -ENOENT) {
                        *ret_length = (size_t)(end - path);
                        return 0;
                }
                if (fd < 0) {
                        return fd;
                }
        } while (*end);
        *ret_length = 0;
        return 0;
}

/*
 * Opens the last directory of a path that exists; *ret_rest is what is missing below it. A root's
 * links may lead to what a running system would have, such as /var/lock to /run/lock: these are
 * followed, inside the root.
 */
static int open_existing(int root_fd, const char *target, char **ret_rest)
{
        _cleanup_free_ char *path = strdup(target);

        for (int i = 0; path && i < LINKS_MAXIMUM; i++) {
                _cleanup_free_ char *parent = NULL;
                size_t length = 0, start;
                char *led;
                int r = first_missing(root_fd, path, &length);

                if (r < 0 || length == 0) {
                        return r < 0 ? r : -EEXIST;
                }
                led = follow(root_fd, path, length);
                if (led) {
                        free(path);
                        path = led;
                        continue;
                }
                for (start = length; path[start - 1] != '/'; start--) {
                }
                *ret_rest = strdup(path + start);
                parent = strndup(path, start);
                return !*ret_rest || !parent
                               ? -ENOMEM
                               : path_open_in_root(root_fd, parent, O_PATH | O_DIRECTORY, 0);
        }
        return path ? -ELOOP : -ENOMEM;
}

/* O_EXCL: an existing link is not followed. */
static int make_file(int directory, const char *path)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
        _cleanup_close_ int parent_fd = -EBADF, fd = -EBADF;

        if (!parent) {
                return -ENOMEM;
        }
        parent_fd = path_make_directory_in_root(directory, parent, 0755, 0, 0);
        if (parent_fd < 0) {
                return parent_fd;
        }
        fd = openat(parent_fd, slash ? slash + 1 : path,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : 0;
}

static int make_target(struct rootfs *rootfs, const char *path, bool directory)
{
        _cleanup_free_ char *rest = NULL;
        _cleanup_close_ int base = open_existing(rootfs->root_fd, path, &rest);
        _cleanup_close_ int fd = -EBADF;

        /* Somebody else has made it since. */
        if (base == -EEXIST) {
                return 0;
        }
        if (base < 0) {
                return base;
        }
        if (!directory) {
                return make_file(base, rest);
        }
        fd = path_make_directory_in_root(base, rest, 0755, 0, 0);
        return fd < 0 ? fd : 0;
}

static int explain(int number, const struct machine_mount *mount, struct machine_error *error)
{
        switch (-number) {
        case ELOOP:
                return error_say(error, number,
                                 must_be_plain(mount)
                                         ? "the mount point leads through a link of the root"
                                         : "the mount point leads through a magic link of /proc or "
                                           "too many links");
        case ENOENT:
        case EEXIST:
                return error_say(error, number,
                                 "the mount point cannot be made: its path in the root contains a "
                                 "dangling link");
        case EROFS:
                return error_say(error, number,
                                 "the mount point does not exist, and what it would be made in is "
                                 "read-only");
        }
        return error_set(error, number, "cannot use the mount point in the root");
}

int bare_target(struct rootfs *rootfs, const struct machine_mount *mount, bool directory,
                struct machine_error *error)
{
        _cleanup_close_ int fd = open_target(rootfs, mount);
        struct stat info;

        if (fd == -ENOENT) {
                int r = make_target(rootfs, mount->target, directory);

                fd = r < 0 ? r : open_target(rootfs, mount);
        }
        if (fd < 0) {
                return explain(fd, mount, error);
        }
        if (is_on_proc(fd) && !may_cover(mount->target) && !must_be_plain(mount)) {
                return error_say(
                        error, EPERM,
                        "the mount point is on the container's procfs, of which only a few "
                        "files may be covered");
        }
        if (fstat(fd, &info) < 0) {
                return error_set(error, errno, "cannot stat the mount point");
        }
        if (S_ISDIR(info.st_mode) != directory) {
                return error_say(error, directory ? ENOTDIR : EISDIR,
                                 "what is mounted is a %s, but the mount point is %s directory",
                                 directory ? "directory" : "file", directory ? "not a" : "a");
        }
        return TAKE_FD(fd);
}

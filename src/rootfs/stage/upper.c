/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/caller.h"
#include "base/rights/way.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/mount.h"
#include "rootfs/mount/overlay.h"

#define TRIAL_ATTRIBUTE "user.overlay.trial"

/* Checks that `upper` or `work` is a directory on the same file system as its parent. Returns
 * -ENOENT without an error if it is missing. */
static int check_part(int directory_fd, dev_t device, const char *path, const char *name,
                      struct machine_error *error)
{
        struct stat info;
        int r;

        if (fstatat(directory_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
                return errno == ENOENT
                               ? -ENOENT
                               : error_set(error, errno, "cannot stat \"%s/%s\"", path, name);
        }
        if (!S_ISDIR(info.st_mode)) {
                return error_say(error, ENOTDIR, "\"%s/%s\" is not a directory", path, name);
        }
        if (info.st_dev == device) {
                return 0;
        }
        r = error_say(error, EXDEV, "\"%s/%s\" is not on the same file system as \"%s\"", path,
                      name, path);
        error_hint(error, "the upper and the work directory of an overlay must be on one file "
                          "system: mount it on the directory that holds both");
        return r;
}

static int refuse_place(const char *path, const char *lacks, struct machine_error *error)
{
        int r = error_say(error, EOPNOTSUPP,
                          "the machine's changes cannot be kept in \"%s\": its file system takes "
                          "no %s",
                          path, lacks);

        error_hint(error, "move the state to another file system with --state-dir, or use upper = "
                          "\"volatile\"");
        return r;
}

/* A user's overlay needs user.* attributes, and files of the ids of his namespace, which network
 * file systems may refuse. EINVAL: his namespace has one id. */
static int try_place(int part_fd, const char *path, struct machine_error *error)
{
        if (fsetxattr(part_fd, TRIAL_ATTRIBUTE, "y", 1, 0) < 0 ||
            fremovexattr(part_fd, TRIAL_ATTRIBUTE) < 0) {
                return refuse_place(path, "extended attributes of users", error);
        }
        return fchown(part_fd, 1, 1) < 0 && errno != EINVAL
                       ? refuse_place(path, "files of your subordinate ids", error)
                       : 0;
}

static int make_directory(int directory_fd, const char *path, const char *name,
                          const struct stat *like, struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (mkdirat(directory_fd, name, 0755) < 0) {
                return error_set(error, errno, "cannot create \"%s/%s\"", path, name);
        }
        fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 || caller_is_root() ? 0 : try_place(fd, path, error);
        if (r == 0) {
                r = overlay_copy_root(directory_fd, name, like);
                r = r < 0 ? error_set(error, r, "cannot create \"%s/%s\"", path, name) : 0;
        }
        if (r < 0) {
                (void)unlinkat(directory_fd, name, AT_REMOVEDIR);
        }
        return r;
}

/* Creates it if it is missing, with an owner and a mode. */
static int make_part(int directory_fd, dev_t device, const char *path, const char *name,
                     const struct stat *like, struct machine_error *error)
{
        int r = check_part(directory_fd, device, path, name, error);

        return r == -ENOENT ? make_directory(directory_fd, path, name, like, error) : r;
}

/* Overlayfs clears its own "work" and "index" in the work directory, and fails if it contains
 * anything else. */
static int check_work(int directory_fd, const char *path, struct machine_error *error)
{
        _cleanup_close_ int fd =
                openat(directory_fd, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int opened = fd < 0 ? -errno : directory_open(fd, &directory);

        if (opened < 0) {
                return error_set(error, opened, "cannot open \"%s/work\"", path);
        }
        while ((entry = directory_next(directory))) {
                _cleanup_free_ char *name = NULL;
                int r;

                if (string_equal(entry->d_name, "work") || string_equal(entry->d_name, "index")) {
                        continue;
                }
                name = string_printable(entry->d_name);
                r = error_say(error, ENOTEMPTY,
                              "the work directory \"%s/work\" is not empty: it contains \"%s\"",
                              path, name ? name : "");
                error_hint(error, "the kernel requires an empty directory: move its "
                                  "content elsewhere");
                return r;
        }
        return 0;
}

static int lock_upper(int fd, const char *path, struct machine_error *error)
{
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
                return 0;
        }
        if (errno == EWOULDBLOCK) {
                int r = error_say(error, EBUSY, "the upper directory \"%s\" is in use by a machine",
                                  path);

                error_hint(error, "machines cannot share an upper directory: give each "
                                  "its own, or use upper = \"volatile\"");
                return r;
        }
        return error_set(error, errno, "cannot lock \"%s\"", path);
}

/* Files that the machine creates in `upper` have the host's ids, including set-user-ID programs. */
static int check_way(int fd, const char *path, struct machine_error *error)
{
        _cleanup_free_ char *quoted = string_shell_quoted(path);
        int r = way_is_open(fd, true);

        if (r < 0) {
                return error_set(error, r, "cannot stat the upper directory \"%s\"", path);
        }
        if (r == 0) {
                return 0;
        }
        r = error_say(error, EPERM,
                      "users of the host can enter the upper directory \"%s\", and files that this "
                      "machine's root creates there belong to %s, including set-user-ID programs",
                      path, way_owner());
        error_hint(error, "chown %s %s && chmod 0700 %s",
                   caller_is_root() ? "root:root" : "$USER:", quoted ? quoted : "it",
                   quoted ? quoted : "it");
        return r;
}

static int open_upper(const char *path, struct stat *ret, struct machine_error *error)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = fd < 0 || fstat(fd, ret) < 0 ? -errno : 0;

        if (r == 0) {
                return fd;
        }
        error_set(error, r, "cannot open the upper directory \"%s\"", path);
        error_hint(error, "\"upper\" names an existing directory, in which `upper` and `work` are "
                          "made");
        fd_close(fd);
        return r;
}

int overlay_check_upper(const char *path, bool own, struct machine_error *error)
{
        struct stat info;
        _cleanup_close_ int fd = open_upper(path, &info, error);
        int r = fd < 0 ? fd : own ? 0 : check_way(fd, path, error);

        if (r == 0) {
                r = check_part(fd, info.st_dev, path, "upper", error);
        }
        if (r == 0 || r == -ENOENT) {
                r = check_part(fd, info.st_dev, path, "work", error);
        }
        if (r == 0) {
                r = check_work(fd, path, error);
        }
        return r == -ENOENT && fd >= 0 ? 0 : r;
}

int overlay_set_upper(struct overlay *overlay, const char *path, int user_namespace_fd,
                      const struct stat *top, int *ret_lock, struct machine_error *error)
{
        struct stat info;
        _cleanup_close_ int fd = open_upper(path, &info, error);
        _cleanup_close_ int clone = -EBADF;
        const struct tree_attributes attributes = {
                .set = MOUNT_ATTR_NODEV,
                .user_namespace_fd = user_namespace_fd,
        };
        const struct stat work = { .st_mode = 0755 };
        int r;

        if (fd < 0) {
                return fd;
        }
        r = check_way(fd, path, error);
        if (r == 0) {
                r = lock_upper(fd, path, error);
        }
        if (r == 0) {
                r = make_part(fd, info.st_dev, path, "upper", top, error);
        }
        if (r == 0) {
                r = make_part(fd, info.st_dev, path, "work", &work, error);
        }
        if (r == 0) {
                r = check_work(fd, path, error);
        }
        if (r < 0) {
                return r;
        }
        clone = mount_clone(fd, "", false);
        if (clone < 0) {
                return error_set(error, clone, "cannot open the upper directory \"%s\"", path);
        }
        r = tree_set_attributes(clone, &attributes, "upper directory", path, error);
        if (r < 0) {
                return r;
        }
        overlay->upper_path = strdup(path);
        if (!overlay->upper_path) {
                return error_oom(error);
        }
        overlay->upper_fd = TAKE_FD(clone);
        *ret_lock = TAKE_FD(fd);
        return 0;
}

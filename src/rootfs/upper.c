/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "rootfs/idmap.h"
#include "rootfs/mount.h"
#include "rootfs/overlay.h"

/* Makes one of the two directories where it is missing, with an owner and a mode, and checks that
 * it is one on the same file system as the directory that holds it. */
static int make_part(int directory_fd, dev_t device, const char *path, const char *name,
                     const struct stat *like, struct machine_error *error)
{
        struct stat info;

        if (mkdirat(directory_fd, name, 0755) == 0) {
                int r = overlay_copy_root(directory_fd, name, like);

                return r < 0 ? error_set(error, r, "cannot make \"%s/%s\"", path, name) : 0;
        }
        if (errno != EEXIST) {
                return error_set(error, errno, "cannot make \"%s/%s\"", path, name);
        }
        if (fstatat(directory_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
                return error_set(error, errno, "cannot look at \"%s/%s\"", path, name);
        }
        if (!S_ISDIR(info.st_mode)) {
                return error_say(error, ENOTDIR, "\"%s/%s\" is not a directory", path, name);
        }
        if (info.st_dev != device) {
                int r = error_say(error, EXDEV,
                                  "\"%s/%s\" is not on the same file system as \"%s\"", path, name,
                                  path);

                error_hint(error, "the upper and the work directory of an overlay must be on one "
                                  "file system: mount it on the directory that holds both");
                return r;
        }
        return 0;
}

/* Overlayfs clears its own "work" and "index" in the work directory; anything else there would be
 * lost or in the way. */
static int check_work(int directory_fd, const char *path, struct machine_error *error)
{
        _cleanup_close_ int fd =
                openat(directory_fd, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_closedir_ DIR *directory = NULL;
        int opened = fd < 0 ? -errno : directory_open(fd, &directory);

        if (opened < 0) {
                return error_set(error, opened, "cannot open \"%s/work\"", path);
        }
        for (struct dirent *entry; (entry = readdir(directory));) {
                _cleanup_free_ char *name = NULL;
                int r;

                if (string_equal(entry->d_name, ".") || string_equal(entry->d_name, "..") ||
                    string_equal(entry->d_name, "work") || string_equal(entry->d_name, "index")) {
                        continue;
                }
                name = string_printable(entry->d_name);
                r = error_say(error, ENOTEMPTY,
                              "the work directory \"%s/work\" is not empty: it holds \"%s\"", path,
                              name ? name : "");
                error_hint(error, "the kernel needs an empty directory of its own there: move "
                                  "what is in it elsewhere");
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

                error_hint(error, "two machines cannot write into one upper directory: give each "
                                  "its own, or use upper = \"volatile\"");
                return r;
        }
        return error_set(error, errno, "cannot lock \"%s\"", path);
}

int overlay_set_upper(struct overlay *overlay, const char *path, int user_namespace_fd,
                      int *ret_lock, struct machine_error *error)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int clone = -EBADF;
        const struct tree_attributes attributes = {
                .set = MOUNT_ATTR_NODEV,
                .user_namespace_fd = user_namespace_fd,
        };
        const struct stat work = { .st_mode = 0755 };
        struct stat info, top;
        int r;

        if (fd < 0 || fstat(fd, &info) < 0) {
                r = error_set(error, errno, "cannot open the upper directory \"%s\"", path);
                error_hint(error, "\"upper\" names an existing directory, in which `upper` and "
                                  "`work` are made");
                return r;
        }
        /* By its path, where owners are as on disk, not through the mount that maps them. */
        if (stat(overlay->layers[0].path, &top) < 0) {
                return error_set(error, errno, "cannot look at the layer \"%s\"",
                                 overlay->layers[0].path);
        }
        r = lock_upper(fd, path, error);
        if (r == 0) {
                r = make_part(fd, info.st_dev, path, "upper", &top, error);
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

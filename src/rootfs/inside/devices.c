/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/mount.h"

static int look_at_device(const struct machine_device *device, struct stat *ret,
                          struct machine_error *error)
{
        if (stat(device->source, ret) < 0) {
                int r = errno == ENOENT ? error_say(error, ENOENT,
                                                    "the device \"%s\" does not exist on the host",
                                                    device->source)
                                        : error_set(error, errno, "cannot stat the device \"%s\"",
                                                    device->source);

                error_hint(error, "its driver may not be loaded, or the hardware not plugged in");
                return r;
        }
        if (!S_ISCHR(ret->st_mode) && !S_ISBLK(ret->st_mode)) {
                return error_say(error, ENODEV, "\"%s\" is not a device node", device->source);
        }
        return 0;
}

static int make_parents(int dev_fd, const char *path, struct machine_error *error)
{
        _cleanup_free_ char *copy = strdup(path);

        if (!copy) {
                return error_oom(error);
        }
        for (char *slash = copy; (slash = strchr(slash, '/')); *slash++ = '/') {
                *slash = '\0';
                if (mkdirat(dev_fd, copy, 0755) < 0 && errno != EEXIST) {
                        return error_set(error, errno, "cannot create the directory \"/dev/%s\"",
                                         copy);
                }
        }
        return 0;
}

/* A definition may name devices that every machine has. */
static bool is_there(int fd, const char *path, const struct stat *wanted)
{
        struct stat info;

        return fstatat(fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
               (info.st_mode & S_IFMT) == (wanted->st_mode & S_IFMT) &&
               info.st_rdev == wanted->st_rdev;
}

int device_bind(int dev_fd, const char *path, const char *source, const struct stat *wanted,
                struct machine_error *error)
{
        _cleanup_close_ int fd = mount_clone(AT_FDCWD, source, false);
        struct stat info;
        int r = fd;

        if (fd >= 0) {
                r = fstat(fd, &info) < 0 ? -errno : 0;
        }
        if (r < 0) {
                return error_set(error, r, "cannot bind the device \"%s\"", source);
        }
        if ((info.st_mode & S_IFMT) != (wanted->st_mode & S_IFMT) ||
            info.st_rdev != wanted->st_rdev) {
                return error_say(error, ENODEV, "the host's \"%s\" is not the device of that name",
                                 source);
        }
        r = mount_set(fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false);
        if (r == 0 && mknodat(dev_fd, path, S_IFREG, 0) < 0) {
                r = -errno;
        }
        if (r == 0) {
                r = mount_attach(fd, dev_fd, path);
        }
        return r < 0 ? error_set(error, r, "cannot bind the device \"%s\"", source) : 0;
}

static int make_node(int fd, const char *path, const struct machine_device *device,
                     const struct stat *info, struct machine_error *error)
{
        if (mknodat(fd, path, info->st_mode & (S_IFMT | 0777), info->st_rdev) < 0) {
                if (errno == EEXIST && is_there(fd, path, info)) {
                        return 0;
                }
                return errno == EEXIST ? error_say(error, EEXIST,
                                                   "cannot create the device \"%s\": this name "
                                                   "already exists in the machine's /dev",
                                                   device->target)
                                       : error_set(error, errno, "cannot create the device \"%s\"",
                                                   device->target);
        }
        return 0;
}

int devices_stage(struct rootfs *rootfs, int dev_fd, struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->device_count; i++) {
                const struct machine_device *device = &rootfs->machine->devices[i];
                const char *path = string_after(device->target, "/dev/");
                struct stat info;
                int r;

                if (!path) {
                        return error_say(
                                error, EINVAL,
                                "cannot create the device \"%s\": devices of a machine are "
                                "below /dev",
                                device->target);
                }
                r = look_at_device(device, &info, error);
                if (r == 0) {
                        r = make_parents(dev_fd, path, error);
                }
                if (r == 0) {
                        r = !rootfs->by_user ? make_node(dev_fd, path, device, &info, error)
                            : is_there(dev_fd, path, &info)
                                    ? 0
                                    : device_bind(dev_fd, path, device->source, &info, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

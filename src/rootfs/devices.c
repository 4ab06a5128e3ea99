/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/idmap.h"
#include "rootfs/internal.h"
#include "rootfs/mount.h"

static void node_name(size_t index, char name[static STAGE_NAME_BYTES])
{
        snprintf(name, STAGE_NAME_BYTES, "node%zu", index);
}

static int look_at_device(const struct machine_device *device, struct stat *ret,
                          struct machine_error *error)
{
        if (stat(device->source, ret) < 0) {
                int r = errno == ENOENT
                                ? error_say(error, ENOENT,
                                            "the device \"%s\" does not exist on the host",
                                            device->source)
                                : error_set(error, errno, "cannot look at the device \"%s\"",
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
                        return error_set(error, errno, "cannot make the directory \"/dev/%s\"",
                                         copy);
                }
        }
        return 0;
}

static int make_node(int fd, const char *path, const struct machine_device *device,
                     const struct stat *info, struct machine_error *error)
{
        if (mknodat(fd, path, info->st_mode & (S_IFMT | 0777), info->st_rdev) < 0) {
                return errno == EEXIST ? error_say(error, EEXIST,
                                                   "cannot make the device \"%s\": /dev of a "
                                                   "machine has something of that name already",
                                                   device->target)
                                       : error_set(error, errno, "cannot make the device \"%s\"",
                                                   device->target);
        }
        return 0;
}

/* A node for elsewhere in the root, which is mounted nodev as the scratch is: a mount of the node
 * itself without that. Only the parent can make it; the child finds the flag locked. */
static int stage_node(struct rootfs *rootfs, size_t index, const struct stat *info,
                      struct machine_error *error)
{
        const struct machine_device *device = &rootfs->machine->devices[index];
        const struct tree_attributes attributes = {
                .clear = MOUNT_ATTR_NODEV,
                .user_namespace_fd = -EBADF,
        };
        char name[STAGE_NAME_BYTES];
        _cleanup_close_ int fd = -EBADF;
        int r;

        node_name(index, name);
        r = make_node(rootfs->scratch_fd, name, device, info, error);
        if (r < 0) {
                return r;
        }
        fd = mount_clone(rootfs->scratch_fd, name, false);
        if (fd < 0) {
                return error_set(error, fd, "cannot stage the device \"%s\"", device->target);
        }
        r = tree_set_attributes(fd, &attributes, "device", device->target, error);
        if (r < 0) {
                return r;
        }
        r = mount_attach(fd, rootfs->scratch_fd, name);
        return r < 0 ? error_set(error, r, "cannot stage the device \"%s\"", device->target) : 0;
}

int devices_stage(struct rootfs *rootfs, int dev_fd, struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->device_count; i++) {
                const struct machine_device *device = &rootfs->machine->devices[i];
                const char *path = string_after(device->target, "/dev/");
                struct stat info;
                int r = look_at_device(device, &info, error);

                if (r == 0 && path) {
                        r = make_parents(dev_fd, path, error);
                }
                if (r == 0) {
                        r = path ? make_node(dev_fd, path, device, &info, error)
                                 : stage_node(rootfs, i, &info, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int devices_attach(struct rootfs *rootfs, struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->device_count; i++) {
                const struct machine_device *device = &rootfs->machine->devices[i];
                char name[STAGE_NAME_BYTES];
                _cleanup_close_ int fd = -EBADF, target = -EBADF;
                int r;

                if (string_after(device->target, "/dev/")) {
                        continue;
                }
                node_name(i, name);
                target = rootfs_target(rootfs, device->target, false, true, error);
                if (target < 0) {
                        return target;
                }
                fd = mount_clone(AT_FDCWD, name, false);
                r = fd < 0 ? fd : mount_attach_over(fd, target);
                if (r < 0) {
                        return error_set(error, r, "cannot put the device \"%s\" in place",
                                         device->target);
                }
        }
        return 0;
}

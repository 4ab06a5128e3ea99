/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/idmap.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "base/error.h"
#include "rootfs/mount.h"

static int explain_id_map(int mount_fd, int number, const struct tree_attributes *attributes,
                          const char *what, const char *path, struct machine_error *error)
{
        char text[24];
        const char *type = mount_type_name(mount_fd, text);
        int r;

        if (number == EPERM) {
                r = error_say(error, EPERM,
                              "cannot map the ids of the %s \"%s\": its mount has an id map "
                              "already, and maps cannot be stacked",
                              what, path);
        } else {
                r = error_say(error, number,
                              "cannot map the ids of the %s \"%s\": its file system (%s)%s does "
                              "not support id-mapped mounts on this kernel",
                              what, path, type,
                              attributes->recursive ? " or one mounted below it" : "");
        }
        error_hint(error,
                   "move it to a file system that does (ext4, xfs, btrfs; tmpfs since Linux 6.3), "
                   "or set user_namespace = \"none\"%s%s",
                   attributes->recursive ? ", or unmount what is mounted below it" : "",
                   attributes->way_out ? attributes->way_out : "");
        return r;
}

int tree_set_attributes(int mount_fd, const struct tree_attributes *attributes, const char *what,
                        const char *path, struct machine_error *error)
{
        unsigned int flags = AT_EMPTY_PATH | (attributes->recursive ? AT_RECURSIVE : 0);
        bool map = attributes->user_namespace_fd >= 0;
        struct mount_attr attr = {
                .attr_set = attributes->set | (map ? MOUNT_ATTR_IDMAP : 0),
                .attr_clr = attributes->clear,
                .propagation = attributes->propagation,
                .userns_fd = map ? (uint64_t)attributes->user_namespace_fd : 0,
        };
        int number;

        if (mount_setattr(mount_fd, "", flags, &attr, sizeof attr) == 0) {
                return 0;
        }
        number = errno;
        if (map && (number == EINVAL || number == EPERM || number == EOPNOTSUPP)) {
                return explain_id_map(mount_fd, number, attributes, what, path, error);
        }
        return error_set(error, number, "cannot set up the mount of the %s \"%s\"", what, path);
}

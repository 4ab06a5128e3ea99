/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/mount/idmap.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "rootfs/mount/mount.h"

static int set_attributes(int mount_fd, const struct tree_attributes *attributes, bool recursive)
{
        bool map = attributes->user_namespace_fd >= 0;
        struct mount_attr attr = {
                .attr_set = attributes->set | (map ? MOUNT_ATTR_IDMAP : 0),
                .attr_clr = attributes->clear,
                .propagation = attributes->propagation,
                .userns_fd = map ? (uint64_t)attributes->user_namespace_fd : 0,
        };

        return mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
                             sizeof attr) < 0
                       ? -errno
                       : 0;
}

static int explain_id_map(int mount_fd, int number, const struct tree_attributes *attributes,
                          const char *what, const char *path, struct machine_error *error)
{
        char text[24];
        /* The kernel sets all mounts of a tree or none, and does not say which one it was. */
        bool below = attributes->recursive && set_attributes(mount_fd, attributes, false) == 0;
        int r;

        if (below) {
                r = error_say(error, number,
                              "cannot map the ids of what is mounted below the %s \"%s\": its file "
                              "system does not support id-mapped mounts on this kernel",
                              what, path);
        } else if (number == -EPERM) {
                r = error_say(error, number,
                              "cannot map the ids of the %s \"%s\": its mount has an id map "
                              "already, and maps cannot be stacked",
                              what, path);
        } else {
                r = error_say(error, number,
                              "cannot map the ids of the %s \"%s\": its file system (%s) does not "
                              "support id-mapped mounts on this kernel",
                              what, path, mount_type_name(mount_fd, text));
        }
        error_hint(error, "%s, or set user_namespace = \"none\"%s",
                   below ? "unmount it"
                         : "move it to a file system that does (ext4, xfs, btrfs; tmpfs since "
                           "Linux 6.3)",
                   attributes->way_out ? attributes->way_out : "");
        return r;
}

int tree_set_attributes(int mount_fd, const struct tree_attributes *attributes, const char *what,
                        const char *path, struct machine_error *error)
{
        int r = set_attributes(mount_fd, attributes, attributes->recursive);

        if (r == 0) {
                return 0;
        }
        if (attributes->user_namespace_fd >= 0 &&
            (r == -EINVAL || r == -EPERM || r == -EOPNOTSUPP)) {
                return explain_id_map(mount_fd, r, attributes, what, path, error);
        }
        return error_set(error, r, "cannot set up the mount of the %s \"%s\"", what, path);
}

/* Ids that a user namespace lacks are shown as this one (/proc/sys/kernel/overflowuid). */
#define OVERFLOW_ID 65534

int tree_check_owner(int mount_fd, const char *what, const char *path, struct machine_error *error)
{
        struct stat status;

        /* All capabilities hold for an id of that number that the namespace does have. */
        if (fstat(mount_fd, &status) < 0 || status.st_uid != OVERFLOW_ID ||
            faccessat(mount_fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0) {
                return 0;
        }
        error_say(error, EPERM,
                  "the %s \"%s\" belongs to an id that is neither the user's nor a subordinate one "
                  "of "
                  "his: the machine could neither change nor remove its files",
                  what, path);
        error_hint(error, "make the root read-only, with read_only = true, or use a copy that "
                          "belongs to the user");
        return -EPERM;
}

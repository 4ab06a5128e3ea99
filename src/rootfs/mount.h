/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_MOUNT_H
#define ROOTFS_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

#include <machine/error.h>

#include "base/cleanup.h"

/* Mounts as descriptors (open_tree(2), fsmount(2), move_mount(2), mount_setattr(2); Linux 5.12).
 * A mount that was made or cloned is in no namespace until it is attached; closing the last
 * descriptor of one that never was undoes it. None of these follows a link in the last component.
 */

/** What a pseudo file system of the machine never needs. */
#define MOUNT_ATTR_PSEUDO (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV)

/** A file system's option; a NULL value is a flag. An array of them ends with a NULL key. */
struct mount_option {
        const char *key;
        const char *value;
};

/** Makes a file system of the type and a mount of it with the attributes (MOUNT_ATTR_*). The
 *  mount's descriptor or -errno with the error filled, the kernel's own explanation included. */
int mount_new(const char *type, const struct mount_option *options, uint64_t attributes,
              struct machine_error *error);

/** Clones the mount at a path into a detached one: this mount alone, or with all below it. */
int mount_clone(int directory_fd, const char *path, bool recursive);

/** Sets attributes of a mount: 0 or -errno as mount_setattr(2). */
int mount_set(int mount_fd, uint64_t attributes, bool recursive);

/** Attaches a mount at the name; the target is the directory's entry itself, never where a link
 *  there leads. 0 or -errno. */
int mount_attach(int mount_fd, int directory_fd, const char *name);

/** Attaches a mount over what target_fd (O_PATH) is. 0 or -errno. */
int mount_attach_over(int mount_fd, int target_fd);

/** The name of the file system that fd lies on, for messages: "nfs", or "0x..." for a rare one. */
const char *mount_type_name(int fd, char text[static 24]);

#endif

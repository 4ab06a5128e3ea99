/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_MOUNT_MOUNT_H
#define ROOTFS_MOUNT_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

#include <machine/error.h>

#include "base/cleanup.h"

/* Mounts as descriptors (open_tree(2), fsmount(2), move_mount(2), mount_setattr(2); Linux 5.12). A
 * new or cloned mount is in no namespace until it is attached, and is released with its last
 * descriptor if it never was. No function follows a link in the last component.
 */

/** Attributes for every pseudo file system of a machine. */
#define MOUNT_ATTR_PSEUDO (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV)

/** An option of a file system; a NULL value makes it a flag. Arrays end with a NULL key. */
struct mount_option {
        const char *key;
        const char *value;
};

/** Creates a file system of the type and mounts it with the attributes (MOUNT_ATTR_*). Returns the
 * mount's descriptor, or -errno with an error that includes the kernel's explanation. */
int mount_new(const char *type, const struct mount_option *options, uint64_t attributes,
              struct machine_error *error);

/** The same with a source, a device or any name, that the mount table shows instead of the type.
 * NULL: the type. */
int mount_new_from(const char *type, const char *source, const struct mount_option *options,
                   uint64_t attributes, struct machine_error *error);

/** Changes options ("KEY" or "KEY=VALUE") of the file system that a mount's root is on. The words
 * are cut at "=". 0 or -errno with the error filled. */
int mount_reconfigure(int mount_fd, char *const *words, struct machine_error *error);

/** Clones the mount at a path into a detached mount, optionally with all mounts below it. */
int mount_clone(int directory_fd, const char *path, bool recursive);

/** Sets attributes of a mount: 0 or -errno as mount_setattr(2). */
int mount_set(int mount_fd, uint64_t attributes, bool recursive);

/** Attaches a mount at a name in a directory, without following a link there. 0 or -errno. */
int mount_attach(int mount_fd, int directory_fd, const char *name);

/** Attaches a mount over target_fd (O_PATH). 0 or -errno. */
int mount_attach_over(int mount_fd, int target_fd);

/** The type of the file system of fd for messages: "nfs", or "0x..." if it is unknown. */
const char *mount_type_name(int fd, char text[static 24]);

#endif

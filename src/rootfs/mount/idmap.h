/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_MOUNT_IDMAP_H
#define ROOTFS_MOUNT_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>

/** The attributes to set on a detached mount from the host. */
struct tree_attributes {
        uint64_t set;
        uint64_t clear;
        uint64_t propagation;  /* MS_PRIVATE, MS_SLAVE */
        bool recursive;        /* for all mounts of the tree */
        int user_namespace_fd; /* whose id map applies, or -EBADF */
        const char *way_out;   /* appended to the hint if ids cannot be mapped, or NULL */
};

/**
 * Sets the attributes of a detached mount and the id map of a user namespace (mount_setattr(2),
 * idmapped mounts). Messages name the object by path and its use by what, such as "layer". 0 or
 * -errno with an error that names a file system that cannot have its ids mapped.
 */
int tree_set_attributes(int mount_fd, const struct tree_attributes *attributes, const char *what,
                        const char *path, struct machine_error *error);

/** Checks that the directory of a tree belongs to an id of the caller's user namespace: in others,
 * the kernel lets nobody there change anything. 0, or -EPERM with error set. */
int tree_check_owner(int mount_fd, const char *what, const char *path, struct machine_error *error);

#endif

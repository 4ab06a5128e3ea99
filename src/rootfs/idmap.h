/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_IDMAP_H
#define ROOTFS_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>

/** What to make of a detached mount of something of the host's. */
struct tree_attributes {
        uint64_t set;
        uint64_t clear;
        uint64_t propagation;  /* MS_PRIVATE, MS_SLAVE */
        bool recursive;        /* for all mounts of the tree */
        int user_namespace_fd; /* its map is laid over the ids, or -EBADF */
        const char *way_out;   /* more to end a hint with where ids cannot be mapped, or NULL */
};

/**
 * Sets the attributes of a detached mount, with the map of a user namespace over its owners
 * (mount_setattr(2), idmapped mounts). path names the object for messages, what tells what it is
 * for: "layer". 0 or -errno with an error that names a file system that cannot have its ids mapped.
 */
int tree_set_attributes(int mount_fd, const struct tree_attributes *attributes, const char *what,
                        const char *path, struct machine_error *error);

#endif

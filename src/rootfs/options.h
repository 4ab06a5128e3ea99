/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_OPTIONS_H
#define ROOTFS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/machine.h>

/** What the options of one of the user's mounts come to. */
struct mount_options {
        uint64_t set;         /* MOUNT_ATTR_* to set .. */
        uint64_t clear;       /* .. and to clear (the access time's choices only) */
        uint64_t propagation; /* MS_PRIVATE, MS_SLAVE or MS_SHARED */
        bool recursive;       /* a bind takes what is mounted below its source along */
        bool map_ids;         /* a bind's owners are those the machine would see */
        char size[32];        /* of a tmpfs, "" for the default */
        char mode[32];
        char inodes[32];
};

/**
 * Reads `options`, `read_only`, `size` and `mode` of a mount: nosuid and nodev unless asked, a
 * recursive private bind with mapped ids unless asked. 0, or -EINVAL with the error naming the
 * option.
 */
int mount_options_read(const struct machine_mount *mount, struct mount_options *ret,
                       struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_MOUNT_OPTIONS_H
#define ROOTFS_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/machine.h>

/** The parsed options of a mount of the definition. */
struct mount_options {
        uint64_t set;         /* MOUNT_ATTR_* to set .. */
        uint64_t clear;       /* .. and to clear (only the modes of access times) */
        uint64_t propagation; /* MS_PRIVATE, MS_SLAVE or MS_SHARED */
        bool recursive;       /* a bind includes the mounts below its source */
        enum machine_mount_map map;
        char size[32]; /* of a tmpfs; "": the default */
        char mode[32];
        char inodes[32];
};

/**
 * Parses `options`, `read_only`, `size` and `mode` of a mount. By default it has nosuid and nodev,
 * and a bind is recursive and private. Returns 0, or -EINVAL with an error that names the option.
 */
int mount_options_read(const struct machine_mount *mount, struct mount_options *ret,
                       struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_BARE_OPTIONS_H
#define ROOTFS_BARE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/machine.h>

/** What the options of a bare machine's mount come to. Nothing is set that they do not name. */
struct bare_options {
        uint64_t set; /* MOUNT_ATTR_* of this mount */
        uint64_t clear;
        uint64_t set_all; /* .. and of it and all below */
        uint64_t clear_all;
        uint64_t propagation; /* MS_*, or 0 */
        bool propagation_all;
        bool recursive; /* a bind takes what is mounted below its source along */
        bool map;       /* the ids are mapped .. */
        bool map_all;   /* .. also of what is below */
        bool copy_up;
        bool remount;
        unsigned long super; /* MS_* of the file system */
        char **data;         /* options of the file system; owned */
};

/** Reads the options of a mount. 0 or -ENOMEM; the caller frees `data`. */
int bare_options_read(const struct machine_mount *mount, struct bare_options *ret);

#endif

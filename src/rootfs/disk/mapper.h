/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_DISK_MAPPER_H
#define ROOTFS_DISK_MAPPER_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>

#include "rootfs/disk/disk.h"

/* The kernel's device mapper by its ioctls (linux/dm-ioctl.h). A device with one target of a few
 * words needs no library, which a start would have to load. */

/** Of a name, with the byte at its end. */
#define DM_NAME_BYTES 128

/** A read-only device with one target. */
struct mapper_device {
        const char *name; /* unique on the host, at most 127 bytes; devices of one name are alike */
        const char *target;
        const char *parameters;
        uint64_t sectors; /* of 512 bytes */
};

/**
 * Opens a device, which is made if there is none of the name. The kernel removes it when its last
 * user, such as a mount, is gone. Returns a descriptor, or -errno with error set; ret_path is its
 * path.
 */
int mapper_open(const struct mapper_device *device, char ret_path[DISK_DEVICE_BYTES],
                struct machine_error *error);

/** Reads the status of the target of a device into `text`: what it has found; or its parameters. 0
 * or -errno. */
int mapper_status(const char *name, char *text, size_t size);
int mapper_parameters(const char *name, char *text, size_t size);

#endif

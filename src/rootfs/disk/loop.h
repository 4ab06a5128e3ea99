/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_DISK_LOOP_H
#define ROOTFS_DISK_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>

#include "rootfs/disk/disk.h"

/** A part of a file that becomes a block device. */
struct loop_part {
        int fd;           /* of the file or block device, open for writing if the device is */
        const char *path; /* for messages */
        uint64_t offset;
        uint64_t size;       /* 0: to the end */
        uint32_t block_size; /* 0: the kernel's choice */
        bool write;
};

/** Opens the device of a machine that writes to the part, for reading. Returns a descriptor;
 * -ENOENT without an error if there is none, or another -errno with error set. */
int loop_open_written(const struct loop_part *part, const char *table,
                      char ret_path[DISK_DEVICE_BYTES], struct machine_error *error);

/**
 * Opens a loop device (loop(4)) for a part of a file. The kernel removes it when its last user,
 * such as a mount, is gone. One that is only read is shared by all who ask for the same part, and
 * found again by `table`, a file of this program. Returns a descriptor, or -errno with error set;
 * ret_path is the device's path.
 */
int loop_open(const struct loop_part *part, const char *table, char ret_path[DISK_DEVICE_BYTES],
              struct machine_error *error);

#endif

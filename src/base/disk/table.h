/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_DISK_TABLE_H
#define BASE_DISK_TABLE_H

#include "base/disk/disk.h"

/** Reads the partition table into the image, whose size is known. has_table is set if there is one.
 * 0, or -errno with error set. */
int disk_read_table(int fd, struct disk_image *image, struct machine_error *error);

#endif

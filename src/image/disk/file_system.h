/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DISK_FILE_SYSTEM_H
#define IMAGE_DISK_FILE_SYSTEM_H

#include "image/disk/fingerprint.h"
#include "image/disk/part.h"
#include "image/format.h"

/** Makes the file system of a format from a directory. Returns 0, or -errno with error set. */
int file_system_make(int tree_fd, enum image_format format, const struct fingerprint *fingerprint,
                     const struct part *target, struct machine_error *error);

/** Makes the hash tree of a file system for dm-verity, in the form of veritysetup(8). ret_root_hash
 * gets 64 hexadecimal digits. Returns 0, or -errno with error set. */
int file_system_hash(const struct part *data, const struct fingerprint *fingerprint,
                     const struct part *tree, char *ret_root_hash, struct machine_error *error);

#endif

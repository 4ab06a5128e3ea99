/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_DISK_PROOF_H
#define ROOTFS_DISK_PROOF_H

#include "rootfs/disk/disk.h"

/* What the kernel knows of verified devices. */

void disk_proof_clear(struct disk_proof *proof);

/** Whether it has found a block that differs. */
bool disk_is_corrupt(const struct disk_proof *proof);

/** The block device with the data, "MAJOR:MINOR", which the kernel's log names. 0 or -errno. */
int disk_proof_device(const struct disk_proof *proof, char *ret, size_t size);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_BLOCK_H
#define CGROUP_BLOCK_H

#include <sys/types.h>

#include <machine/error.h>

/**
 * The number of the disk that a limit is set on: the kernel throttles whole disks only, so that for
 * a partition it is the disk's (io.max in cgroup-v2). `device` is a path or "major:minor"; `key`
 * names the setting in messages. Where a partition was given a warning is appended to *warnings
 * (may be NULL).
 */
int block_find_disk(const char *device, const char *key, dev_t *ret, char ***warnings,
                    struct machine_error *error);

#endif

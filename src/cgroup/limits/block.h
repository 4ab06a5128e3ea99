/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_BLOCK_H
#define CGROUP_LIMITS_BLOCK_H

#include <sys/types.h>

#include <machine/error.h>

/**
 * Finds the disk that a limit applies to: the kernel only throttles whole disks, so a partition is
 * replaced by its disk (io.max in cgroup-v2). `device` is a path or "major:minor"; `key` names the
 * setting in messages. For a partition a warning is appended to *warnings (may be NULL).
 */
int block_find_disk(const char *device, const char *key, dev_t *ret, char ***warnings,
                    struct machine_error *error);

#endif

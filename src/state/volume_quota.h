/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_VOLUME_QUOTA_H
#define STATE_VOLUME_QUOTA_H

#include <stdint.h>

#include <machine/error.h>

/* Limits of a volume's size by a project quota (quotactl(2), xfs_quota(8)): the directory and all
 * files made below it belong to a project, whose blocks the file system counts. */

/** Gives a directory without files a project of its own. Returns 0, -EOPNOTSUPP with an error if
 * the file system enforces no project quotas, or another -errno with error set. */
int volume_quota_assign(int directory_fd, const char *path, uint64_t *ret_project,
                        struct machine_error *error);

/** Sets the limit of a project in bytes; MACHINE_UNSET: none. Returns as above. */
int volume_quota_limit(int directory_fd, const char *path, uint64_t project, uint64_t size,
                       struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_REMOUNT_H
#define LAUNCH_ENTER_REMOUNT_H

#include <machine/machine.h>

#include "state/record.h"

/**
 * Mounts the source of a bind over the mount that a running machine has at the same target, which
 * stays below it until the machine stops. The machine must not have CAP_SYS_ADMIN. init is a pidfd
 * of its first process. Returns 0, or -errno with error set.
 */
int launch_mount_over(const struct machine_record *record, int init,
                      const struct machine_mount *mount, struct machine_error *error);

#endif

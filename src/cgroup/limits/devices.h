/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_DEVICES_H
#define CGROUP_LIMITS_DEVICES_H

#include <machine/machine.h>

#include "cgroup/tree/tree.h"

/**
 * Lets the group open only the devices that every machine has (null, zero, full, random, urandom,
 * tty, ptmx and pseudo-terminals) and those of `devices`, each with its access. Opening a device is
 * restricted, creating a node is not. Uses a BPF program of type BPF_PROG_TYPE_CGROUP_DEVICE, which
 * needs no controller and is removed with the group. To be called before the first process enters.
 */
int cgroup_restrict_devices(const struct cgroup *group, const struct machine_device *devices,
                            size_t count, struct machine_error *error);

/** The same for a bare machine: its rules in their order, then those for what every container may
 * open. */
int cgroup_restrict_devices_by(const struct cgroup *group, const struct machine_limits *limits,
                               struct machine_error *error);

#endif

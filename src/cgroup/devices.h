/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_DEVICES_H
#define CGROUP_DEVICES_H

#include <machine/machine.h>

#include "cgroup/tree.h"

/**
 * Lets the group open only the devices that every machine has (null, zero, full, random, urandom,
 * tty, ptmx and pseudo-terminals) and those of `devices`, each with its access. Making a node is
 * not refused here, opening it is. A BPF program of type BPF_PROG_TYPE_CGROUP_DEVICE, which needs
 * no controller; it goes with the group. Before the first process enters.
 */
int cgroup_restrict_devices(const struct cgroup *group, const struct machine_device *devices,
                            size_t count, struct machine_error *error);

#endif

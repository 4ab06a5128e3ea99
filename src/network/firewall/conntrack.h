/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_CONNTRACK_H
#define NETWORK_FIREWALL_CONNTRACK_H

#include <machine/machine.h>

#include "base/error.h"

/**
 * Deletes the kernel's UDP flows to the host's published ports. Address translation is decided once
 * per flow, and a client that keeps sending keeps its flow alive: it would keep reaching the
 * previous target. Does nothing without UDP ports.
 */
int conntrack_flush(const struct machine_port *ports, size_t count, struct machine_error *error);

#endif

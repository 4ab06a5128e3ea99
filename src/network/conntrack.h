/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_CONNTRACK_H
#define NETWORK_CONNTRACK_H

#include <machine/machine.h>

#include "base/error.h"

/**
 * Makes the kernel forget the UDP flows towards the host's published ports. Translation is decided
 * once per flow, and a client that keeps sending keeps its flow alive: without this it would go on
 * sending to where the port led before. Does nothing where no port is UDP.
 */
int conntrack_flush(const struct machine_port *ports, size_t count, struct machine_error *error);

#endif

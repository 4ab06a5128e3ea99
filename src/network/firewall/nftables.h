/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_NFTABLES_H
#define NETWORK_FIREWALL_NFTABLES_H

#include <stdbool.h>

#include "base/error.h"

/**
 * Runs commands of nft(8) as one transaction in the caller's network namespace, with
 * machinectl-lite-rules. -EIO with nft's reason in the error, -ENOENT if the executable or its
 * library is missing.
 */
int nftables_run(const char *commands, struct machine_error *error);

/** Whether the kernel supports nftables rules for bridges. */
bool nftables_has_bridges(void);

/** Whether the kernel supports rules for packets of transparent sockets (IP_TRANSPARENT of
 * ip(7)). */
bool nftables_has_transparent_sockets(void);

/** Says that it does not. Returns -EOPNOTSUPP. */
int nftables_explain_transparent(struct machine_error *error);

#endif

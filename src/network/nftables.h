/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NFTABLES_H
#define NETWORK_NFTABLES_H

#include "base/error.h"

/* nftables through libnftables in its text form, loaded when it is first needed: most of what this
 * program does needs none. */

/** libnftables and a context in the network namespace that the caller was in. */
struct nftables;

/** Loads the library. -ELIBACC with a hint where it is not installed. */
int nftables_open(struct nftables **ret, struct machine_error *error);

void nftables_close(struct nftables *nftables);

DEFINE_CLEANUP(struct nftables *, nftables_close, cleanup_nftables)
#define _cleanup_nftables_ _cleanup_(cleanup_nftables)

/** Runs commands as one transaction: all or none. -EIO with nft's words in the error. */
int nftables_run(struct nftables *nftables, const char *commands, struct machine_error *error);

#endif

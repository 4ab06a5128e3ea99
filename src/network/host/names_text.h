/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_NAMES_TEXT_H
#define NETWORK_HOST_NAMES_TEXT_H

#include <stdio.h>

#include "network/host/session.h"

/* Lines of hosts(5). */

#define NAMES_LOOPBACK          \
        "127.0.0.1 localhost\n" \
        "::1 localhost ip6-localhost ip6-loopback\n"

/** Writes the lines of a machine, one for each family, with its aliases, separated by spaces. */
void names_write_lease(FILE *file, const struct network_lease *lease, const char *aliases);

/** The same for the machine's own file, also if it has no address. */
void names_write_own(FILE *file, const struct network_lease *lease, const char *aliases);

/** Writes the definition's own entries. */
void names_write_entries(FILE *file, char *const *entries);

/** Writes the lines of the host. */
void names_write_host(FILE *file, const struct network_session *session,
                      const struct network_state *state);

#endif

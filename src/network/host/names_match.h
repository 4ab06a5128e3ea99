/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_NAMES_MATCH_H
#define NETWORK_HOST_NAMES_MATCH_H

#include <stdbool.h>

#include "network/host/session.h"

/** Whether a machine has a name: that of the host, of the domain, of the machine, or an alias. */
bool names_has(const struct network_session *session, const struct network_lease *lease,
               const char *name);

/** Whether it has one of the names of another one. */
bool names_has_those_of(const struct network_session *session, const struct network_lease *lease,
                        const struct network_lease *other);

#endif

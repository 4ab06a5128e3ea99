/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_CHECK_USER_H
#define CONFIG_CHECK_USER_H

#include <stddef.h>

#include "config/check/definition.h"

/** The value of a user's definition that he cannot have. */
struct user_finding {
        const char *key;
        size_t index; /* of a list, else SIZE_MAX */
};

/**
 * Reports it: an error before a start, otherwise a warning, since anybody may check definitions of
 * the system's machines. Takes message and hint. Returns 0 or -ENOMEM.
 */
int user_check_refuse(struct config_definition *definition, struct user_finding at, char *message,
                      char *hint);

/** Checks what a user cannot have of the host's network: links on its interfaces, namespaces of
 * others, ports below net.ipv4.ip_unprivileged_port_start. Returns 0 or -ENOMEM. */
int user_check_network(struct config_definition *definition);

#endif

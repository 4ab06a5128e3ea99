/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/definition.h"

/** Checks that no single key can make. All report what they find and return 0 or -ENOMEM. */

/** Within one definition, by its text alone. */
int config_check_machine(struct config_definition *definition);

/** Within one definition: what has no effect, or undoes something else. */
int config_check_effect(struct config_definition *definition);

/** Against the host: ids of a given range that are in use, and directories of an overlay on
 * different file systems. Looks at the host only for keys that are given. etc is the directory of
 * passwd, group, subuid and subgid. */
int config_check_host(struct config_definition *definition, const char *etc);

/** Within a network. */
int config_check_network(struct config_definition *holder,
                         const struct network_definition *network);

/** Between definitions: names, ports, addresses, id ranges, writable directories, and `requires` in
 * a circle. */
int config_check_together(struct config_definition *const *definitions, size_t count);

/** Names of machines (`requires`) and networks that stand for nothing, neither among the
 * definitions, nor beside them, nor in the search path: warnings. */
int config_check_references(struct config_definition *const *definitions, size_t count,
                            const char *search_path);

/** Machines that wait for each other in a circle by `requires` and `after`. */
int config_check_order(struct config_definition *const *definitions, size_t count);

#endif

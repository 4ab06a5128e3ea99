/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_CHECK_CHECK_H
#define CONFIG_CHECK_CHECK_H

#include <machine/network.h>

#include "config/check/definition.h"

/** Checks across keys and files. All of them report findings and return 0 or -ENOMEM. */

/** Checks one definition by its text alone. */
int config_check_machine(struct config_definition *definition);

/** Checks the networks that a machine joins besides the first one, and its aliases. */
int config_check_networks(struct config_definition *definition);

/** Checks that a pod has only keys of pods, and that a member leaves to its pod what is shared. */
int config_check_pod(struct config_definition *definition);

/** Checks one definition for settings that have no effect or undo another one. */
int config_check_effect(struct config_definition *definition);

/** Checks one definition for settings that another one overrides. */
int config_check_overruled(struct config_definition *definition);

/** Checks a definition against the host: ids of a fixed range that are in use, and overlay
 * directories on different file systems. Looks at the host only for keys that are set. etc is the
 * directory of passwd, group, subuid and subgid. */
int config_check_host(struct config_definition *definition, const char *etc);

/**
 * Reports files and directories that users other than root (or the trusted owner) could change: the
 * definition's own, unless they were checked when opened, its search directories, and those that it
 * names. Errors if trust is required, otherwise warnings. Also for networks.
 */
int config_check_trust(struct config_definition *definition);

/** Warns about directories that users of the host can reach and where the machine's root would
 * write as root of the host, see base/rights/way.h. */
int config_check_places(struct config_definition *definition);

/** Looks into the disk images of a root, as far as the caller may read them. */
int config_check_images(struct config_definition *definition);

/** Checks what only root can have, for a caller who is not root: the host's ids, trees of others,
 * devices, limits, what belongs to the network of the host. Errors before a start, otherwise
 * warnings. */
int config_check_user(struct config_definition *definition);

/** Checks one network. */
int config_check_network(struct config_definition *holder,
                         const struct network_definition *network);

/** Checks that the machine's addresses in a network belong to it. */
int config_check_addresses(struct config_definition *definition,
                           const struct network_definition *network);

/** Checks definitions against each other: names, ports, addresses, id ranges, writable directories,
 * and cycles in `requires`. */
int config_check_together(struct config_definition *const *definitions, size_t count);

/** Warns about names of machines (`requires`) and networks without a definition: neither among the
 * checked ones, nor next to them, nor in the search path. */
int config_check_references(struct config_definition *const *definitions, size_t count,
                            const char *search_path);

/** Reports cycles of `requires` and `after`. */
int config_check_order(struct config_definition *const *definitions, size_t count);

#endif

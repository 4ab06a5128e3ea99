/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_NETWORK_H
#define LAUNCH_NETWORK_H

#include <stdbool.h>

#include "launch/launch.h"
#include "rootfs/rootfs.h"

/* The steps of a start that deal with the machine's network; the order of network/network.h. */

/** Whether the machine has a network connection that must be recorded and removed. */
bool launch_is_connected(const struct launch *launch);

/** Before anything is set up: address, ports, the files for name resolution. */
int launch_set_up_network(struct launch *launch, struct machine_error *error);
int launch_tear_down_network(struct launch *launch, struct machine_error *error);
int launch_collect_network(const struct launch_directories *directories,
                           const struct machine_record *record, struct machine_error *error);

/** After the payload runs: forwards the published ports of a user's machine. */
bool launch_publishes(const struct launch *launch);
int launch_publish(struct launch *launch, struct machine_error *error);
int launch_unpublish(struct launch *launch, struct machine_error *error);

/** Which name servers the machine can reach. */
struct rootfs_reach launch_reach(const struct launch *launch);

/** After the clone: opens the namespace while the first process is known to be alive. */
int launch_open_network_namespace(struct launch *launch, struct machine_error *error);

/** Interfaces of the host that a bare machine gets; the last step that can fail for a reason of the
 * bundle's, since they do not come back. */
bool launch_wants_devices(const struct launch *launch);
int launch_give_devices(struct launch *launch, struct machine_error *error);

/** After that: adds the links to the machine's namespace. Undone with the step before. */
int launch_attach_network(struct launch *launch, struct machine_error *error);

#endif

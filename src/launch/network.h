/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_NETWORK_H
#define LAUNCH_NETWORK_H

#include <stdbool.h>

#include "launch/launch.h"

/* The steps of a start that deal with the machine's network; the order of network/network.h. */

/** Whether the machine is connected with anything that has to be kept and taken back. */
bool launch_is_connected(const struct launch *launch);

/** Before anything is built: address, ports, the files by which the machine knows names. */
int launch_set_up_network(struct launch *launch, struct machine_error *error);
int launch_tear_down_network(struct launch *launch, struct machine_error *error);
int launch_collect_network(const struct launch_directories *directories,
                           const struct machine_record *record, struct machine_error *error);

/** At the clone: the namespace is opened while its first process is known to live. */
int launch_open_network_namespace(struct launch *launch, struct machine_error *error);

/** After the clone: the machine's namespace gets its links. Undone with the step before. */
int launch_attach_network(struct launch *launch, struct machine_error *error);

#endif

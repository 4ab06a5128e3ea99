/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NETWORK_H
#define NETWORK_NETWORK_H

#include <stdbool.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/json.h"
#include "base/process.h"

/**
 * The place of one machine in its network. The order of a start:
 *
 *     network_prepare()            before anything is built: address leased, ports reserved
 *     network_hosts_path()         for the root
 *     network_enter()              around clone3; CLONE_NEWNET when network_wants_namespace()
 *     network_leave()
 *     network_attach()             links, addresses, routes, rules; the machine has not run yet
 *     ..
 *     network_detach()             when the machine is gone
 *     network_free()
 *
 * All of it works in the network namespace that the caller is in: that is the host here. One lock
 * for the whole room, in the runtime directory, is held inside each of these calls.
 */
struct network;

struct network_definition;

struct network_request {
        const struct machine *machine;
        /* The definition of machine->network.name; needed with MACHINE_NETWORK_BRIDGE only, else
         * NULL. Borrowed during network_prepare(). */
        const struct network_definition *definition;
        const char *runtime_directory;
        /* Who keeps the machine: the supervisor, usually the caller. Leases, links and rules of an
         * owner that is gone are removed by whoever comes next. */
        struct process_identity owner;
        /* With MACHINE_NETWORK_MACHINE a descriptor of the running machine's network namespace
         * (/proc/PID/ns/net of its PID 1), else -EBADF. Borrowed during network_prepare(). */
        int shared_namespace;
};

/**
 * Resolves the machine's network, leases its addresses, reserves its ports on the host (the sockets
 * stay bound until network_free()) and collects what crashed owners left. Errors: -EADDRINUSE for a
 * port or address that is taken, with the machine or process that has it; -EADDRNOTAVAIL for one
 * outside the subnet, -ENOSPC for a subnet without a free address, -EEXIST for a subnet that
 * overlaps a route of the host. Nothing is left on failure. The caller ends it with
 * network_detach() and network_free().
 */
int network_prepare(const struct network_request *request, struct network **ret,
                    struct machine_error *error);

/** Whether a mode connects the machine with nothing that has to be kept or taken back (NONE, HOST):
 * network_attach() and network_detach() have nothing to do. The loopback of a namespace of its own
 * is the child's to bring up. */
bool network_is_alone(enum machine_network_mode mode);

/** Whether the machine gets a network namespace of its own: CLONE_NEWNET for clone3(2). */
bool network_wants_namespace(const struct network *network);

/**
 * Moves the calling thread into the namespace that the machine shares with another one
 * (MACHINE_NETWORK_MACHINE, _PATH), so that a clone(2) without CLONE_NEWNET is born there: a child
 * in a user namespace of its own has no right to setns(2) into it. Does nothing in the other modes.
 */
int network_enter(struct network *network, struct machine_error *error);

/** Moves the calling thread back. Does nothing where network_enter() did nothing. */
int network_leave(struct network *network, struct machine_error *error);

/**
 * Connects the new network namespace: loopback, and with a bridge, macvlan or ipvlan the link eth0
 * with its addresses and routes, then the rules and the peers' hosts files. The namespace is a
 * descriptor (/proc/PID/ns/net). Can be called again with another namespace when the machine was
 * restarted under the same owner. Undone by network_detach(), also after a failure.
 */
int network_attach(struct network *network, int namespace_fd, struct machine_error *error);

/**
 * Removes rules, links, lease and hosts entries of the machine; its address stays remembered for
 * it. What takes the kernel long (links, a bridge that became empty) is done by a process of its
 * own that nobody waits for. Safe after any of the steps above. NULL is allowed.
 */
int network_detach(struct network *network, struct machine_error *error);

/** Frees the struct and lets reserved ports go. Does not detach. NULL is allowed. */
void network_free(struct network *network);

DEFINE_CLEANUP(struct network *, network_free, cleanup_network)
#define _cleanup_network_ _cleanup_(cleanup_network)

/** The leased (or shared) addresses as text, or NULL. Owned by the network. */
const char *network_address(const struct network *network);
const char *network_address6(const struct network *network);

/** The namespace that is shared, for what has to be made in it (/sys), or -EBADF. Borrowed. */
int network_shared_namespace(const struct network *network);

/** The published ports as a definition spells them, "8080:80/tcp". 0 or -ENOMEM; *ret is freed and
 * replaced. */
int network_list_ports(const struct machine_network *settings, char ***ret);

/**
 * What the user should know although the start goes on, each with the command that mends it: a
 * firewall that drops what is forwarded for the machine, ports that the mode cannot publish. A
 * NULL-terminated array owned by the network, or NULL. Complete after network_attach().
 */
char *const *network_warnings(const struct network *network);

/**
 * A file of the host to be bound, read-only, on the machine's /etc/hosts: the machine, its
 * network's peers, `host.internal` and the definition's own entries. It is rewritten in place as
 * peers come and go. Written by network_prepare(); owned by the network.
 */
const char *network_hosts_path(const struct network *network);

/** The text of the machine's /etc/hosts where it has no peers that come and go
 *  (network_is_alone()), else NULL. Owned by the network. */
const char *network_hosts_text(const struct network *network);

/**
 * What is known of all networks and whether it is so: an array of objects with the keys of a
 * network's definition, `name`, `bridge_up`, `rules` (the table is there) and `machines`: objects
 * with `name`, `pid` of the supervisor, `address`, `address6`, `link`, `link_up`, `ports` and
 * `ports_missing`, those that are not in the rules. Machines that do not run have their remembered
 * address and a null pid.
 */
int network_report(const char *runtime_directory, json_t **ret, struct machine_error *error);

/** Undoes what owners that are gone left: links, rules, leases, bridges, hosts files. */
int network_collect(const char *runtime_directory, struct machine_error *error);

/** Puts back the rules and the kernel settings of all live machines, whatever dropped them. Appends
 * what the user should know, as network_warnings() has it. */
int network_reload(const char *runtime_directory, char ***warnings, struct machine_error *error);

/** Forgets the addresses that are kept for a machine that is not running: it is deleted. */
int network_forget(const char *runtime_directory, const char *machine, struct machine_error *error);

#endif

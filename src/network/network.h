/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NETWORK_H
#define NETWORK_NETWORK_H

#include <stdbool.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/json.h"
#include "base/process/process.h"

/**
 * The attachment of one machine to its networks. The order of a start:
 *
 *     network_prepare()            before anything is created: leases addresses, reserves ports
 *     network_hosts_path()         for the root
 *     network_enter()              around clone3; CLONE_NEWNET when network_wants_namespace()
 *     network_leave()
 *     network_attach()             links, addresses, routes, rules; before the machine runs
 *     ..
 *     network_detach()             when the machine has ended
 *     network_free()
 *
 * "Host" means the network namespace of the caller. Each of these calls takes one lock for all
 * networks, in the runtime directory.
 */
struct network;

struct network_definition;

struct network_request {
        const struct machine *machine;
        /* The definition of machine->network.name; required for MACHINE_NETWORK_BRIDGE, else NULL.
         * Borrowed during network_prepare(). */
        const struct network_definition *definition;
        /* Those of machine->network.further, in order. Borrowed the same way. */
        const struct network_definition *const *further;
        const char *runtime_directory;
        /* The process that keeps the machine: the supervisor, usually the caller. The next
         * operation removes leases, links and rules of an owner that has exited. */
        struct process_identity owner;
        /* The first id of the machine's user namespace; 0: it has none. */
        uint32_t user_base;
        /* With MACHINE_NETWORK_MACHINE the same for the user namespace that owns the shared
         * network; UINT32_MAX if that machine has another one. */
        uint32_t shared_user_base;
        /* For MACHINE_NETWORK_MACHINE a descriptor of the running machine's network namespace
         * (/proc/PID/ns/net of its PID 1), else -EBADF. Borrowed during network_prepare(). */
        int shared_namespace;
        /* Only checks: nothing is taken, written or collected, and what the machine itself already
         * has does not conflict. The result can be freed, but not attached. */
        bool rehearsal;
};

/**
 * Resolves the machine's network, leases its addresses, reserves its ports on the host (the sockets
 * stay bound until network_free()) and cleans up after crashed owners. Errors: -EADDRINUSE for a
 * port or address in use, with the machine or process that has it; -EADDRNOTAVAIL for an address
 * outside the subnet, -ENOSPC for a subnet without a free address, -EEXIST for a subnet that
 * overlaps a route of the host. Leaves nothing behind on failure. The caller ends it with
 * network_detach() and network_free().
 */
int network_prepare(const struct network_request *request, struct network **ret,
                    struct machine_error *error);

/** Whether a mode has no connection to set up or remove (NONE, HOST): network_attach() and
 * network_detach() have nothing to do. The child brings up the loopback interface of its own
 * namespace. */
bool network_is_alone(enum machine_network_mode mode);

/* The next four accept NULL: a root without processes has no network. */

/** Whether the machine gets its own network namespace: CLONE_NEWNET for clone3(2). */
bool network_wants_namespace(const struct network *network);

/**
 * Moves the calling thread into the namespace shared with another machine (MACHINE_NETWORK_MACHINE)
 * or given by path (_PATH), so that a child of clone(2) without CLONE_NEWNET starts in it: a child
 * in its own user namespace may not setns(2) into it. Does nothing in the other modes.
 */
int network_enter(struct network *network, struct machine_error *error);

/**
 * Opens the user namespace that owns the network namespace, if the latter is the machine's own from
 * an earlier run, kept by machines that share it, and the former has the machine's current ids: in
 * any other the machine would have no rights over its network. Returns a descriptor, -ENOENT if
 * there is none, or another -errno.
 */
int network_open_user_namespace(const struct network *network);

/**
 * For a user instead of network_enter(), which could not return to the host's namespace: a
 * descriptor of the shared namespace, to be joined by the process that makes the others, before it
 * enters the machine's user namespace. Borrowed. -EBADF: none, also if it is the caller's own.
 */
int network_to_join(const struct network *network);

/** Moves the calling thread back. Does nothing if network_enter() did nothing. */
int network_leave(struct network *network, struct machine_error *error);

/**
 * Connects the new network namespace: loopback and, with a bridge, macvlan or ipvlan, the link eth0
 * with its addresses and routes, then the rules and the peers' hosts files. namespace_fd is a
 * descriptor of /proc/PID/ns/net. Can be called again with another namespace when the owner has
 * restarted the machine. Undone by network_detach(), also after a failure.
 */
int network_attach(struct network *network, int namespace_fd, struct machine_error *error);

/**
 * If other machines share the network, it stays and is removed with the last of them; the machine's
 * next start finds it again. Otherwise removes rules, links, lease and hosts entries of the
 * machine; its address stays remembered. What takes the kernel long (links, an empty bridge) is
 * removed by a background process. Safe after any of the steps above. NULL is allowed.
 */
int network_detach(struct network *network, struct machine_error *error);

/**
 * Moves interfaces of the host to a network namespace, with their permanent addresses of global
 * scope, and sets them up. Checks that all exist before the first is moved. They are not moved
 * back: what becomes of them at the end of the namespace is the kernel's rule
 * (network_namespaces(7)). Returns 0, or -errno with error set.
 */
int network_give_devices(const struct machine_network_device *devices, size_t count,
                         int namespace_fd, struct machine_error *error);

/** Frees the struct and releases reserved ports. Does not detach. NULL is allowed. */
void network_free(struct network *network);

DEFINE_CLEANUP(struct network *, network_free, cleanup_network)
#define _cleanup_network_ _cleanup_(cleanup_network)

/** The leased (or shared) addresses as text, or NULL. Owned by the network. */
const char *network_address(const struct network *network);
const char *network_address6(const struct network *network);

/** Lists the bridged networks of a machine in the order of its links, eth0, eth1, ..: "NAME ADDRESS
 * ADDRESS6", with "-" for an address that it has not. Returns 0 or -ENOMEM; *ret is freed and
 * replaced. */
int network_list(const struct network *network, char ***ret);

/** Whether the network has no connection to the outside. */
bool network_is_internal(const struct network *network);

/** The shared namespace, needed to mount its /sys, or -EBADF. Borrowed. */
int network_shared_namespace(const struct network *network);

/** Lists the published ports in the definition's syntax, "8080:80/tcp". Returns 0 or -ENOMEM; *ret
 * is freed and replaced. */
int network_list_ports(const struct machine_network *settings, char ***ret);

/**
 * Warnings that do not fail the start, each with the command that fixes it: a firewall that drops
 * packets forwarded for the machine, ports that the mode cannot publish. A NULL-terminated array
 * owned by the network, or NULL. Complete after network_attach().
 */
char *const *network_warnings(const struct network *network);

/**
 * The host's file to bind read-only on the machine's /etc/hosts: the machine, its network's peers,
 * `host.internal` and the definition's own entries. Other machines may have the same file; it is
 * changed in place when machines start and stop. Created by network_prepare(), lists the machine
 * from network_attach() on; owned by the network.
 */
const char *network_hosts_path(const struct network *network);

/** The text of the machine's /etc/hosts if it has no peers (network_is_alone()), else NULL. Owned
 * by the network. */
const char *network_hosts_text(const struct network *network);

/**
 * The configuration and actual state of all networks: an array of objects with the keys of a
 * network's definition, `name`, `bridge_up`, `rules` (the table exists), `uplink` (the program that
 * is a user's way out: `program`, `pid`, `running`, `serving`, `reason`; else null) and `machines`:
 * objects with `name`, `pid` of the supervisor, `address`, `address6`, `interface` in the machine,
 * `aliases`, `link`, `link_up`, `guarded` (the rules check what it sends), `ports` and
 * `ports_missing`, those that are not in the rules.
 * Any user may call it; `rules`, `guarded` and `ports_missing`, which only root can query, are null
 * for others. Machines that do not run have their remembered address and a null pid.
 */
int network_report(const char *runtime_directory, json_t **ret, struct machine_error *error);

/**
 * Starts to forward connections to the published ports of a user's machine, in a thread; what
 * arrived since network_prepare() has waited. For root, whose ports are forwarded by rules, it does
 * nothing. The caller is in the mount namespace where it stays. Undone by network_unpublish().
 */
int network_publish(struct network *network, struct machine_error *error);
void network_unpublish(struct network *network);

/** The address at which the network program asks the host's name servers for a user's machine, or
 * NULL. NULL is allowed. */
const char *network_forwarder(const struct network *network);

/** The program that connects a user's networks to the host's. */
struct network_uplink {
        const char *name; /* "pasta", "slirp4netns" */
        pid_t pid;
        int pidfd;        /* -ESRCH if it has ended already */
        bool started;     /* by this call */
        bool proven;      /* it is known to have served */
        uint64_t wait;    /* microseconds until it may be started again; 0 if it runs */
        char *last_words; /* of one that has ended, or NULL */
};

/**
 * Opens the network program of a user's machine, starting it if it does not run. One that fails is
 * started less and less often; with `soon`, because the cause may have gone, after a second.
 * Returns 0, -ENOENT without error for a machine that needs none, or another -errno with error set.
 * The caller closes pidfd and frees last_words.
 */
int network_open_uplink(const struct network *network, bool soon, struct network_uplink *ret,
                        struct machine_error *error);

/** Finds out whether the program that runs serves the machines, and remembers that. */
bool network_prove_uplink(const struct network *network);

/** Whether a machine (NULL is allowed) needs that program. */
bool network_has_uplink(const struct network *network);

/** Whether network_prepare() has started it. */
bool network_started_uplink(const struct network *network);

/** The network program that is installed, which would be started for a user; or NULL. */
const char *network_program_name(void);

/** Tries what a user's networks need in his user namespace, and undoes it. Returns 0 or -errno with
 * error set. */
int network_try_user(struct machine_error *error);

/** The same for what published ports of a user's machines need. */
int network_try_ports(struct machine_error *error);

/** Opens a socket that becomes readable when the host's routes change: the program may need one.
 * Returns the descriptor or -errno. */
int network_watch_routes(void);

/** Removes the links, rules, leases, bridges and hosts files of owners that have exited; with
 * `everything` also links and bridges of this runtime directory that nothing is known of. */
int network_collect(const char *runtime_directory, bool everything, struct machine_error *error);

/** Restores the rules and kernel settings of all live machines. Appends warnings as in
 * network_warnings(). */
int network_reload(const char *runtime_directory, char ***warnings, struct machine_error *error);

/** Gives the addresses remembered for a stopped machine to its new name. */
int network_rename(const char *runtime_directory, const char *machine, const char *name,
                   struct machine_error *error);

/** Forgets the addresses remembered for a machine that is being deleted. */
int network_forget(const char *runtime_directory, const char *machine, struct machine_error *error);

#endif

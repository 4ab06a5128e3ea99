/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <machine/network.h>

#include "base/file.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "network/apply.h"
#include "network/attach.h"
#include "network/host/ending.h"
#include "network/host/namespace.h"
#include "network/host/prune.h"
#include "network/inside.h"
#include "network/state/sharing.h"

int network_open_user_namespace(const struct network *network)
{
        int fd;

        if (!network || !network->rejoins || !network->same_ids || network->user_base == 0) {
                return -ENOENT;
        }
        fd = ioctl(network->shared_fd, NS_GET_USERNS);
        return fd < 0 ? -errno : fd;
}

bool network_wants_namespace(const struct network *network)
{
        return network && network->mode != MACHINE_NETWORK_HOST && network->shared_fd < 0;
}

static int refuse_foreign(const char *path, struct machine_error *error)
{
        int r = error_say(error, EPERM,
                          "cannot join the network namespace %s: that needs CAP_NET_ADMIN over it, "
                          "which a user has only over namespaces of his own",
                          path);

        error_hint(error, "use a bridge (the default), or network mode \"host\" or \"none\"");
        return r;
}

/* The kernel tells the owner only of namespaces below the caller's own. */
static int check_owner(int namespace_fd, const char *path, struct machine_error *error)
{
        _cleanup_close_ int owner = ioctl(namespace_fd, NS_GET_USERNS);

        return owner < 0 ? refuse_foreign(path, error) : 0;
}

int network_open_shared(struct network *network, const struct network_request *request,
                        struct machine_error *error)
{
        const char *path = request->machine->network.target;

        if (network->mode == MACHINE_NETWORK_MACHINE) {
                network->shared_fd = fcntl(request->shared_namespace, F_DUPFD_CLOEXEC, 3);
                return network->shared_fd < 0
                               ? error_set(error, errno,
                                           "cannot share the network of machine \"%s\"", path)
                               : 0;
        }
        if (network->mode != MACHINE_NETWORK_PATH) {
                return 0;
        }
        network->shared_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (network->shared_fd < 0 && errno == EACCES && caller_is_inside()) {
                return refuse_foreign(path, error);
        }
        if (network->shared_fd < 0) {
                return error_set(error, errno, "cannot open the network namespace %s", path);
        }
        if (ioctl(network->shared_fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
                return error_say(error, EINVAL, "%s is not a network namespace", path);
        }
        return caller_is_inside() ? check_owner(network->shared_fd, path, error) : 0;
}

int network_enter(struct network *network, struct machine_error *error)
{
        _cleanup_close_ int own = -EBADF;

        if (!network || network->shared_fd < 0) {
                return 0;
        }
        own = namespace_open_own();
        if (own < 0) {
                return error_set(error, own, "cannot open the host's network namespace");
        }
        if (setns(network->shared_fd, CLONE_NEWNET) < 0) {
                return error_set(error, errno, "cannot enter the network namespace to share");
        }
        network->own_fd = TAKE_FD(own);
        return 0;
}

int network_to_join(const struct network *network)
{
        struct stat shared, own;

        return !network || network->shared_fd < 0 || fstat(network->shared_fd, &shared) < 0 ||
                               (stat("/proc/thread-self/ns/net", &own) == 0 &&
                                shared.st_dev == own.st_dev && shared.st_ino == own.st_ino)
                       ? -EBADF
                       : network->shared_fd;
}

int network_leave(struct network *network, struct machine_error *error)
{
        int r = 0;

        if (!network || network->own_fd < 0) {
                return 0;
        }
        if (setns(network->own_fd, CLONE_NEWNET) < 0) {
                r = error_set(error, errno, "cannot return to the host's network namespace");
        }
        fd_close(TAKE_FD(network->own_fd));
        return r;
}

struct attach_call {
        struct network *network;
        int namespace_fd;
};

static int attach_inside(void *data, struct machine_error *error)
{
        const struct attach_call *call = data;

        return attach_to_bridge(call->network, call->namespace_fd, error);
}

/* Warnings of all links are those of the first. */
static int attach_further(struct network *first, struct network *network, int namespace_fd,
                          struct machine_error *error)
{
        int r = network_attach(network, namespace_fd, error);

        STRV_FOREACH(warning, network->warnings) {
                if (r == 0 && !strv_contains(first->warnings, *warning) &&
                    strv_append(&first->warnings, *warning) < 0) {
                        r = error_oom(error);
                }
        }
        return r;
}

int network_attach(struct network *network, int namespace_fd, struct machine_error *error)
{
        struct attach_call call = { network, namespace_fd };
        int r = 0;

        network->attachments++;
        switch (network->mode) {
        case MACHINE_NETWORK_BRIDGE:
                r = inside_call(network, attach_inside, &call, error);
                break;
        case MACHINE_NETWORK_MACVLAN:
        case MACHINE_NETWORK_IPVLAN:
                r = attach_to_parent(network, namespace_fd, error);
                break;
        case MACHINE_NETWORK_NONE:
        case MACHINE_NETWORK_HOST:
        case MACHINE_NETWORK_MACHINE:
        case MACHINE_NETWORK_PATH:
                break;
        }
        for (size_t i = 0; r == 0 && i < network->further_count; i++) {
                r = attach_further(network, network->further[i], namespace_fd, error);
        }
        return r;
}

/* Releases a lease of this owner, unless another machine shares its network. */
static void release_lease(struct network_session *session, struct network_lease *lease)
{
        if (!sharing_hand_over(&session->leases, lease)) {
                network_session_prune_lease(session, lease);
        }
}

/* Releases all leases of a machine that belong to this owner. *shares becomes the machine whose
 * network it shares, unless there is none. */
static void release_machine(struct network_session *session, const char *machine,
                            const struct process_identity *owner,
                            char shares[static NETWORK_NAME_SIZE])
{
        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                if (string_equal(lease->machine, machine) && lease_is_of(lease, owner)) {
                        if (lease->shares[0]) {
                                memcpy(shares, lease->shares, NETWORK_NAME_SIZE);
                        }
                        release_lease(session, lease);
                }
        }
}

/* Removes the machine from the table; its addresses stay remembered. If it kept the shared network
 * of a machine that has exited, that passes to another machine that shares it, or is removed as
 * well. */
static void release(const struct network *network, struct network_session *session)
{
        char shares[NETWORK_NAME_SIZE] = "", none[NETWORK_NAME_SIZE];

        release_machine(session, network->machine, &network->owner, shares);
        if (shares[0]) {
                release_machine(session, shares, &network->owner, none);
        }
        network_session_save(session);
}

/* Removes what ended machines have left, until there is nothing more. The turn is given up before
 * the lock, so that no release takes this process for one that still looks. */
static void finish(const char *runtime_directory, int turn)
{
        bool more = true;

        while (more) {
                _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;

                ending_remove_links(runtime_directory);
                if (network_session_open_host(runtime_directory, &session, NULL) < 0) {
                        return;
                }
                session.pruned = true;
                more = apply_collect(&session, NULL, NULL) == 0;
                network_session_drop_networks(&session);
                network_session_save(&session);
                more = more && ending_is_needed(&session);
                if (!more) {
                        fd_close(turn);
                }
        }
}

/* Closes all descriptors but the turn, which becomes the one after the standard ones. Some of these
 * may be closed, or be others. */
static int keep_turn(int turn)
{
        enum { TURN = STDERR_FILENO + 1 };

        if (turn != TURN && dup3(turn, TURN, O_CLOEXEC) < 0) {
                return -errno;
        }
        for (int fd = STDIN_FILENO; fd < TURN; fd++) {
                (void)close(fd);
        }
        return process_close_from(TURN + 1) == 0 && file_hold_standard() == 0 ? TURN : -EIO;
}

/* A detached process. Inherited descriptors are closed before this function returns: a reader that
 * waits for the end of a pipe must not wait for that process, nor may that process keep a published
 * port busy. */
static void finish_in_background(const char *runtime_directory, int turn)
{
        pid_t child = fork();

        if (child == 0) {
                turn = setsid() < 0 ? -errno : keep_turn(turn);
                if (turn >= 0 && fork() == 0) {
                        finish(runtime_directory, turn);
                }
                _exit(0);
        }
        if (child > 0) {
                (void)process_wait(child);
        }
}

static int detach_inside(void *data, struct machine_error *error)
{
        struct network *network = data;
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        _cleanup_close_ int turn = -EBADF;
        int r;

        free(TAKE_PTR(network->name));
        r = network_session_open(network->runtime_directory, &session, error);
        if (r == 0) {
                release(network, &session);
                turn = ending_is_needed(&session) ? ending_take_turn(&session) : -EWOULDBLOCK;
        }
        network_session_close(&session);
        if (turn >= 0) {
                finish_in_background(network->runtime_directory, turn);
        }
        return r;
}

int network_detach(struct network *network, struct machine_error *error)
{
        int r = 0;

        if (!network) {
                return 0;
        }
        forward_stop(TAKE_PTR(network->forwarder));
        /* It is this thread's. */
        claim_release(&network->claim);
        if (network->name) {
                r = inside_call(network, detach_inside, network, error);
        }
        inside_close(network);
        return r;
}

struct network_link network_link_of(const struct machine *machine, unsigned int index)
{
        const struct machine_network *settings = &machine->network;
        const struct machine_further_network *further;

        if (index == 0) {
                return (struct network_link){
                        .network = settings->mode == MACHINE_NETWORK_BRIDGE ? settings->name : NULL,
                        .address = settings->address,
                        .address6 = settings->address6,
                        .mac = settings->mac,
                        .mtu = settings->mtu,
                        .aliases = settings->aliases,
                };
        }
        if (network_is_alone(settings->mode) || index > settings->further_count) {
                return (struct network_link){ .mtu = MACHINE_UNSET };
        }
        further = &settings->further[index - 1];
        return (struct network_link){
                .network = further->name,
                .address = further->address,
                .address6 = further->address6,
                .mac = further->mac,
                .mtu = further->mtu,
                .aliases = further->aliases,
        };
}

static int copy_settings(struct network *network, const struct network_request *request)
{
        const struct machine_network *settings = &request->machine->network;
        const struct network_link link = network_link_of(request->machine, network->index);

        network->mode = network->index == 0 ? settings->mode : MACHINE_NETWORK_BRIDGE;
        network->owner = request->owner;
        network->mtu = link.mtu;
        network->user_base = request->user_base;
        network->runtime_directory = strdup(request->runtime_directory);
        network->machine = strdup(request->machine->name);
        network->internal = request->definition && request->definition->internal;
        if (!network->runtime_directory || !network->machine ||
            string_replace(&network->mac, link.mac) < 0) {
                return -ENOMEM;
        }
        if (network->mode == MACHINE_NETWORK_MACVLAN || network->mode == MACHINE_NETWORK_IPVLAN) {
                return string_replace(&network->parent, settings->target);
        }
        return 0;
}

struct network *network_new(const struct network_request *request, unsigned int index)
{
        _cleanup_network_ struct network *network = calloc(1, sizeof(*network));

        if (!network) {
                return NULL;
        }
        network->index = index;
        network->first = network;
        network->shared_fd = -EBADF;
        network->own_fd = -EBADF;
        network->inside_fd = -EBADF;
        network->ports = (struct port_reservation)PORT_RESERVATION_INIT;
        return copy_settings(network, request) < 0 ? NULL : TAKE_PTR(network);
}

void network_free(struct network *network)
{
        if (!network) {
                return;
        }
        for (size_t i = 0; i < network->further_count; i++) {
                network_free(network->further[i]);
        }
        free(network->further);
        claim_release(&network->claim);
        port_release(&network->ports);
        forward_release(&network->sockets);
        free(network->host_routes);
        fd_close(network->inside_fd);
        fd_close(network->shared_fd);
        fd_close(network->own_fd);
        free(network->runtime_directory);
        free(network->machine);
        free(network->name);
        free(network->mac);
        free(network->parent);
        free(network->address);
        free(network->address6);
        free(network->hosts);
        free(network->hosts_text);
        strv_free(network->warnings);
        free(network);
}

bool network_is_alone(enum machine_network_mode mode)
{
        return mode == MACHINE_NETWORK_NONE || mode == MACHINE_NETWORK_HOST;
}

const char *network_hosts_text(const struct network *network)
{
        return network->hosts_text;
}

int network_shared_namespace(const struct network *network)
{
        return network->shared_fd;
}

int network_list_ports(const struct machine_network *settings, char ***ret)
{
        _cleanup_strv_ char **list = NULL;

        for (size_t i = 0; i < settings->port_count; i++) {
                if (strv_take(&list, port_format_pair(&settings->ports[i])) < 0) {
                        return -ENOMEM;
                }
        }
        strv_free(*ret);
        *ret = TAKE_PTR(list);
        return 0;
}

const char *network_address(const struct network *network)
{
        return network->address;
}

const char *network_address6(const struct network *network)
{
        return network->address6;
}

static int list_one(const struct network *network, char ***list)
{
        return strv_take(list, string_format("%s %s %s", network->name,
                                             network->address ? network->address : "-",
                                             network->address6 ? network->address6 : "-"));
}

int network_list(const struct network *network, char ***ret)
{
        _cleanup_strv_ char **list = NULL;
        int r = network->mode == MACHINE_NETWORK_BRIDGE && network->name ? list_one(network, &list)
                                                                         : 0;

        for (size_t i = 0; r == 0 && i < network->further_count; i++) {
                r = list_one(network->further[i], &list);
        }
        if (r == 0) {
                strv_free(*ret);
                *ret = TAKE_PTR(list);
        }
        return r;
}

bool network_is_internal(const struct network *network)
{
        return network->internal;
}

char *const *network_warnings(const struct network *network)
{
        return network->warnings;
}

const char *network_hosts_path(const struct network *network)
{
        return network->hosts;
}

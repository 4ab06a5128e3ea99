/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/inside.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <machine/network.h>

#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "network/publish.h"
#include "network/user/namespace.h"
#include "network/user/setup.h"
#include "network/user/uplink.h"

/* ---- the record under its lock ---- */

void inside_unlock(struct inside_record *locked)
{
        user_record_clear(&locked->record);
        fd_close(locked->lock_fd);
        fd_close(locked->directory_fd);
        free(locked->path);
}

int inside_lock(const char *runtime_directory, struct inside_record *ret,
                struct machine_error *error)
{
        ret->path = path_join(runtime_directory, "network");
        if (!ret->path) {
                return error_oom(error);
        }
        ret->directory_fd = open(ret->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (ret->directory_fd < 0) {
                return error_set(error, errno, "cannot open the directory %s", ret->path);
        }
        ret->lock_fd = file_lock(ret->directory_fd, "lock", LOCK_EX);
        if (ret->lock_fd < 0) {
                return error_set(error, ret->lock_fd, "cannot lock %s/lock", ret->path);
        }
        return user_record_load(ret->directory_fd, &ret->record, error);
}

/* ---- opening ---- */

/* Shared by the steps. */
struct opening {
        struct network *network;
        struct network_session *session;
        const struct inside_request *request;
        struct user_record record;
};

static const struct network_lease *find_own(const struct opening *opening)
{
        TABLE_FOREACH_LEASE(lease, &opening->session->leases)
        {
                if (string_equal(lease->machine, opening->network->machine)) {
                        return lease;
                }
        }
        return NULL;
}

static int bind_ports(const struct opening *opening, struct machine_error *error)
{
        const struct machine_network *settings = &opening->request->machine->network;
        _cleanup_details_ struct lease_details details = { 0 };
        const struct publication publication = {
                .session = opening->session,
                .lease = find_own(opening),
                .details = &details,
        };
        struct port_conflict conflict = { 0 };
        int r;

        if (settings->port_count > 0 && opening->request->definition->internal) {
                return error_say(error, EINVAL, "cannot publish ports: network \"%s\" is internal",
                                 opening->request->definition->name);
        }
        r = details_copy(settings, &details) < 0 ? error_oom(error)
                                                 : publish_check_others(&publication, false, error);
        /* They may be bound by the running machine that is rehearsed. */
        if (r < 0 || opening->request->rehearsal) {
                return r;
        }
        r = forward_bind(settings->ports, settings->port_count, &opening->network->sockets,
                         &conflict);
        return r == 0 ? 0 : publish_explain(&conflict, r, error);
}

/* The source address of packets to an address elsewhere: none are sent. */
static void find_source(const char *elsewhere, struct network_address *ret)
{
        union {
                struct sockaddr any;
                struct sockaddr_in four;
                struct sockaddr_in6 six;
        } place = { 0 };
        struct network_address address;
        _cleanup_close_ int fd = -EBADF;
        socklen_t size = sizeof(place);

        *ret = (struct network_address){ 0 };
        if (address_parse(elsewhere, &address) < 0) {
                return;
        }
        place.any.sa_family = address.family;
        if (address.family == AF_INET) {
                memcpy(&place.four.sin_addr, address.bytes, sizeof(place.four.sin_addr));
                place.four.sin_port = htons(9);
        } else {
                memcpy(&place.six.sin6_addr, address.bytes, sizeof(place.six.sin6_addr));
                place.six.sin6_port = htons(9);
        }
        fd = socket(address.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, &place.any, size) < 0 || getsockname(fd, &place.any, &size) < 0) {
                return;
        }
        ret->family = address.family;
        memcpy(ret->bytes,
               address.family == AF_INET ? (void *)&place.four.sin_addr
                                         : (void *)&place.six.sin6_addr,
               address_size(address.family));
}

/* The host's routes and addresses, as seen from its own namespace. */
static int look_at_host(struct opening *opening, struct machine_error *error)
{
        struct network *network = opening->network;
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        int r = netlink_open(NETLINK_ROUTE, &socket);

        if (r == 0) {
                r = route_list(socket, &network->host_routes, &network->host_route_count);
        }
        if (r < 0) {
                return error_set(error, r, "cannot list the host's routes");
        }
        /* Addresses for documentation (RFC 5737, RFC 3849) are routed like any other. */
        find_source("192.0.2.1", &opening->record.address);
        find_source("2001:db8::1", &opening->record.address6);
        opening->session->outside = opening->record.address;
        opening->session->outside6 = opening->record.address6;
        opening->session->outside_routes = network->host_routes;
        opening->session->outside_route_count = network->host_route_count;
        return 0;
}

/* Programs of namespaces that died with their last supervisor, by SIGKILL. */
static void stop_orphans(struct user_record *record, int directory_fd)
{
        for (size_t i = record->program_count; i-- > 0;) {
                uint64_t namespace = record->programs[i].namespace;

                if (!user_record_has_members(record, namespace)) {
                        uplink_stop(record, directory_fd, namespace);
                }
        }
}

static int set_up_uplink(void *data, struct machine_error *error)
{
        return user_network_set_up_uplink(error);
}

static int start_uplink(struct opening *opening, struct machine_error *error)
{
        struct network *network = opening->network;
        const struct uplink_place place = {
                .directory_fd = opening->session->directory_fd,
                .path = opening->session->path,
                .namespace_fd = network->inside_fd,
        };
        uint64_t wait;
        int r = user_namespace_call(network->inside_fd, set_up_uplink, NULL, error);

        if (r == 0 && !opening->request->rehearsal) {
                r = uplink_start(&opening->record, &place, false, &wait, error);
        }
        network->started_uplink = r > 0;
        return r < 0 ? r : 0;
}

static int become_member(struct opening *opening, struct machine_error *error)
{
        struct network *network = opening->network;
        const struct user_member member = {
                .process = network->owner,
                .descriptor = network->inside_fd,
                .namespace = user_namespace_inode(network->inside_fd),
        };

        stop_orphans(&opening->record, opening->session->directory_fd);
        return user_record_join(&opening->record, &member) < 0
                       ? error_oom(error)
                       : user_record_save(opening->session->directory_fd, &opening->record, error);
}

static int open_namespace(struct opening *opening, bool make, struct machine_error *error)
{
        struct network *network = opening->network;
        int fd = user_namespace_find_network(&opening->record);

        if (fd < 0 && make) {
                fd = user_namespace_make_network(error);
        }
        if (fd < 0) {
                return make ? fd : 0;
        }
        network->inside_fd = fd;
        return opening->request->rehearsal ? 0 : become_member(opening, error);
}

static int open_for_bridge(struct opening *opening, struct machine_error *error)
{
        int r = bind_ports(opening, error);

        if (r == 0) {
                r = look_at_host(opening, error);
        }
        if (r == 0) {
                r = open_namespace(opening, true, error);
        }
        return r == 0 && !opening->request->definition->internal ? start_uplink(opening, error) : r;
}

/* The links after the first are in the namespace that this has opened, whose way out it is. */
static int open_further(struct network *network, struct network_session *session,
                        struct machine_error *error)
{
        const struct network *first = network->first;

        network->inside_fd = fcntl(first->inside_fd, F_DUPFD_CLOEXEC, 3);
        session->outside_routes = first->host_routes;
        session->outside_route_count = first->host_route_count;
        return network->inside_fd < 0
                       ? error_set(error, errno, "cannot keep the network namespace of machines")
                       : 0;
}

static int refuse(enum machine_network_mode mode, struct machine_error *error)
{
        int r = error_say(error, EPERM,
                          "network mode \"%s\" needs CAP_NET_ADMIN over the host's network, which "
                          "only root has",
                          mode == MACHINE_NETWORK_MACVLAN ? "macvlan" : "ipvlan");

        error_hint(error, "use a bridge (the default), or network mode \"host\" or \"none\"");
        return r;
}

int inside_open(struct network *network, struct network_session *session,
                const struct inside_request *request, struct machine_error *error)
{
        struct opening opening = { .network = network, .session = session, .request = request };
        int r;

        if (!session->user) {
                return 0;
        }
        if (network->index > 0) {
                return open_further(network, session, error);
        }
        r = user_record_load(session->directory_fd, &opening.record, error);
        if (r < 0) {
                return r;
        }
        switch (network->mode) {
        case MACHINE_NETWORK_BRIDGE:
                r = !request->definition ? 0 : open_for_bridge(&opening, error);
                break;
        case MACHINE_NETWORK_MACHINE:
                /* Whoever shares a network keeps it. */
                r = open_namespace(&opening, false, error);
                break;
        case MACHINE_NETWORK_MACVLAN:
        case MACHINE_NETWORK_IPVLAN:
                r = refuse(network->mode, error);
                break;
        case MACHINE_NETWORK_PATH:
        case MACHINE_NETWORK_NONE:
        case MACHINE_NETWORK_HOST:
                break;
        }
        user_record_clear(&opening.record);
        return r;
}

/* ---- closing ---- */

static void leave(const struct network *network)
{
        _cleanup_inside_record_ struct inside_record locked = INSIDE_RECORD_INIT;

        if (inside_lock(network->runtime_directory, &locked, NULL) < 0) {
                return;
        }
        user_record_leave(&locked.record, &network->owner);
        stop_orphans(&locked.record, locked.directory_fd);
        (void)user_record_save(locked.directory_fd, &locked.record, NULL);
}

void inside_close(struct network *network)
{
        forward_stop(TAKE_PTR(network->forwarder));
        forward_release(&network->sockets);
        if (network->inside_fd < 0) {
                return;
        }
        network->inside_fd = fd_close(network->inside_fd);
        leave(network);
}

/* ---- calls ---- */

int inside_call(const struct network *network, int (*act)(void *data, struct machine_error *error),
                void *data, struct machine_error *error)
{
        return network->inside_fd < 0 ? act(data, error)
                                      : user_namespace_call(network->inside_fd, act, data, error);
}

int inside_visit(const char *runtime_directory, int (*act)(void *data, struct machine_error *error),
                 void *data, struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;

        if (caller_is_inside()) {
                _cleanup_inside_record_ struct inside_record locked = INSIDE_RECORD_INIT;

                if (inside_lock(runtime_directory, &locked, NULL) == 0) {
                        fd = user_namespace_find_network(&locked.record);
                }
                fd = fd < 0 ? user_namespace_make_network(error) : fd;
                if (fd < 0) {
                        return fd;
                }
        }
        return fd < 0 ? act(data, error) : user_namespace_call(fd, act, data, error);
}

void inside_collect(const char *runtime_directory)
{
        _cleanup_inside_record_ struct inside_record locked = INSIDE_RECORD_INIT;

        if (caller_is_inside() && inside_lock(runtime_directory, &locked, NULL) == 0) {
                stop_orphans(&locked.record, locked.directory_fd);
                (void)user_record_save(locked.directory_fd, &locked.record, NULL);
        }
}

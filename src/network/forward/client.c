/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/forward/client.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "network/forward/transparent.h"

void client_unmap(union client_address *address)
{
        struct sockaddr_in four = { .sin_family = AF_INET };

        if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->six.sin6_addr)) {
                return;
        }
        memcpy(&four.sin_addr, &address->six.sin6_addr.s6_addr[12], sizeof(four.sin_addr));
        four.sin_port = address->six.sin6_port;
        address->four = four;
}

bool client_is_same(const union client_address *a, const union client_address *b)
{
        if (a->any.sa_family != b->any.sa_family) {
                return false;
        }
        return a->any.sa_family == AF_INET
                       ? a->four.sin_port == b->four.sin_port &&
                                 a->four.sin_addr.s_addr == b->four.sin_addr.s_addr
                       : a->six.sin6_port == b->six.sin6_port &&
                                 a->six.sin6_scope_id == b->six.sin6_scope_id &&
                                 memcmp(&a->six.sin6_addr, &b->six.sin6_addr,
                                        sizeof(a->six.sin6_addr)) == 0;
}

socklen_t client_size(const union client_address *address)
{
        return address->any.sa_family == AF_INET ? sizeof(address->four) : sizeof(address->six);
}

static void to_socket(const struct network_address *address, uint16_t port,
                      union client_address *ret)
{
        *ret = (union client_address){ .any.sa_family = address->family };
        if (address->family == AF_INET) {
                memcpy(&ret->four.sin_addr, address->bytes, sizeof(ret->four.sin_addr));
                ret->four.sin_port = port;
        } else {
                memcpy(&ret->six.sin6_addr, address->bytes, sizeof(ret->six.sin6_addr));
                ret->six.sin6_port = port;
        }
}

static void from_socket(const union client_address *address, struct network_address *ret)
{
        *ret = (struct network_address){ .family = address->any.sa_family };
        if (address->any.sa_family == AF_INET) {
                memcpy(ret->bytes, &address->four.sin_addr, sizeof(address->four.sin_addr));
        } else {
                memcpy(ret->bytes, &address->six.sin6_addr, sizeof(address->six.sin6_addr));
        }
}

static uint16_t port_of(const union client_address *address)
{
        return address->any.sa_family == AF_INET ? address->four.sin_port : address->six.sin6_port;
}

static bool is_link_local(const struct network_address *address)
{
        return address->family == AF_INET
                       ? address->bytes[0] == 169 && address->bytes[1] == 254
                       : address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/* The two ends of a connection in the user's network. */
struct ends {
        union client_address source, machine;
};

/* Whether the machine's answers to this address come back through its gateway. */
static bool is_answered(const struct forward_target *target, const struct network_address *client)
{
        return !address_is_loopback(client) && !is_link_local(client) &&
               !address_is_wildcard(client) &&
               !prefix_contains(client->family == AF_INET ? &target->subnet : &target->subnet6,
                                client);
}

static int choose_ends(const struct forward_target *target, uint16_t port,
                       const union client_address *client, struct ends *ret)
{
        const struct network_address *machine, *gateway;
        struct network_address source;
        bool four = client->any.sa_family == AF_INET;
        bool kept;

        from_socket(client, &source);
        kept = address_is_set(four ? &target->address : &target->address6) &&
               is_answered(target, &source);
        /* A machine without an address of the client's family is reached by its other one. */
        if (!address_is_set(four ? &target->address : &target->address6)) {
                four = !four;
        }
        machine = four ? &target->address : &target->address6;
        gateway = four ? &target->gateway : &target->gateway6;
        if (!address_is_set(machine) || (!kept && !address_is_set(gateway))) {
                return -EADDRNOTAVAIL;
        }
        to_socket(kept ? &source : gateway, kept ? port_of(client) : 0, &ret->source);
        to_socket(machine, htons(port), &ret->machine);
        return 0;
}

static int open_socket(const struct ends *ends, int type)
{
        _cleanup_close_ int fd = transparent_open(ends->source.any.sa_family, type);
        int on = 1;

        if (fd < 0) {
                return fd;
        }
        /* Several ports of the host may lead the same client to one machine. */
        if ((type == SOCK_STREAM &&
             setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
            bind(fd, &ends->source.any, client_size(&ends->source)) < 0 ||
            (connect(fd, &ends->machine.any, client_size(&ends->machine)) < 0 &&
             errno != EINPROGRESS)) {
                return -errno;
        }
        return TAKE_FD(fd);
}

int client_connect(const struct forward_target *target, int type, uint16_t port,
                   const union client_address *client, union client_address *ret_machine)
{
        struct ends ends;
        int fd = choose_ends(target, port, client, &ends);

        if (fd == 0) {
                fd = open_socket(&ends, type);
        }
        /* The client is connected to the same port of the machine by another port of the host. */
        if (fd == -EADDRINUSE || fd == -EADDRNOTAVAIL) {
                if (ends.source.any.sa_family == AF_INET) {
                        ends.source.four.sin_port = 0;
                } else {
                        ends.source.six.sin6_port = 0;
                }
                fd = open_socket(&ends, type);
        }
        if (fd >= 0 && ret_machine) {
                *ret_machine = ends.machine;
        }
        return fd;
}

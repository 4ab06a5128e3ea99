/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/publish.h"

#include "base/error.h"
#include "network/netlink/address.h"

static bool overlaps(const struct machine_port *a, const struct machine_port *b)
{
        struct network_address one = { 0 };
        struct network_address other = { 0 };

        if (a->protocol != b->protocol || a->host_first > b->host_last ||
            b->host_first > a->host_last) {
                return false;
        }
        if (!a->address || !b->address) {
                return true;
        }
        (void)address_parse(a->address, &one);
        (void)address_parse(b->address, &other);
        return one.family == other.family &&
               (address_equal(&one, &other) || address_is_wildcard(&one) ||
                address_is_wildcard(&other));
}

/* Finds another machine that publishes an overlapping port: any, or one whose network is kept by
 * another machine, so that no process holds its ports. */
static int find_publisher(const struct publication *publication, const struct machine_port *port,
                          bool kept, const struct network_lease **ret)
{
        const struct network_session *session = publication->session;

        *ret = NULL;
        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                _cleanup_details_ struct lease_details details = { 0 };
                int r = 0;

                if (lease == publication->lease || !lease->ports || (kept && !lease->kept)) {
                        continue;
                }
                r = details_load(session->directory_fd, &session->leases, lease, &details);
                for (size_t i = 0; r == 0 && i < details.port_count; i++) {
                        if (overlaps(&details.ports[i], port)) {
                                *ret = lease;
                                return 0;
                        }
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int publish_check_others(const struct publication *publication, bool kept,
                         struct machine_error *error)
{
        const struct lease_details *details = publication->details;

        for (size_t i = 0; i < details->port_count; i++) {
                const struct network_lease *other;
                int r = find_publisher(publication, &details->ports[i], kept, &other);
                _cleanup_free_ char *text =
                        r == 0 && other ? port_format(&details->ports[i]) : NULL;

                if (r < 0) {
                        return error_set(error, r, "cannot read the ports of other machines");
                }
                if (other) {
                        return error_say(
                                error, EADDRINUSE,
                                "cannot publish port %s: machine \"%s\" already publishes it", text,
                                other->machine);
                }
        }
        return 0;
}

/* bind(2) refuses ports of privileged services to users. */
static int explain_privilege(const char *text, unsigned int number, struct machine_error *error)
{
        int r = error_say(error, EACCES,
                          "cannot publish port %s: ports below the sysctl "
                          "net.ipv4.ip_unprivileged_port_start are for root",
                          text);

        error_hint(error,
                   "publish a port above it, or let users have it: sysctl -w "
                   "net.ipv4.ip_unprivileged_port_start=%u",
                   number);
        return r;
}

int publish_explain(const struct port_conflict *conflict, int number, struct machine_error *error)
{
        const struct machine_port *port = conflict->port;
        _cleanup_free_ char *text =
                port ? port_format_one(port->address, conflict->number, port->protocol) : NULL;
        _cleanup_free_ char *owner = NULL;

        if (!text) {
                return error_set(error, number, "cannot reserve the ports of the machine");
        }
        if (number == -EADDRINUSE &&
            port_find_process(port->protocol, conflict->number, &owner) == 0) {
                return error_say(error, number, "cannot publish port %s: %s uses it", text, owner);
        }
        if (number == -EADDRNOTAVAIL) {
                return error_say(error, number,
                                 "cannot publish port %s: this host does not have that address",
                                 text);
        }
        if (number == -EACCES) {
                return explain_privilege(text, conflict->number, error);
        }
        if (number == -EPROTONOSUPPORT) {
                return error_say(error, number,
                                 "cannot publish port %s: SCTP needs rules in the host's network, "
                                 "which only root can make",
                                 text);
        }
        return error_set(error, number, "cannot publish port %s", text);
}

/* The sockets of others tell whether a port is free; their files, whose it is. */
static int reserve(const struct publication *publication, struct port_families families,
                   struct port_reservation *ret, struct machine_error *error)
{
        const struct lease_details *details = publication->details;
        struct port_conflict conflict = { 0 };
        int r = publish_check_others(publication, true, error);
        int q;

        if (r < 0) {
                return r;
        }
        r = port_reserve(details->ports, details->port_count, families, ret, &conflict);
        if (r == 0) {
                return 0;
        }
        q = r == -EADDRINUSE ? publish_check_others(publication, false, error) : 0;
        return q < 0 ? q : publish_explain(&conflict, r, error);
}

int publish_ports(const struct publication *publication, struct port_reservation *ret,
                  struct machine_error *error)
{
        const struct lease_details *details = publication->details;
        struct port_families families = {
                .ipv4 = address_is_set(&publication->lease->address),
                .ipv6 = address_is_set(&publication->lease->address6),
        };
        int r;

        if (details->port_count > 0 && publication->state->internal) {
                return error_say(error, EINVAL, "cannot publish ports: network \"%s\" is internal",
                                 publication->state->name);
        }
        r = port_check(details->ports, details->port_count, families, error);
        if (r < 0) {
                return r;
        }
        if (ret) {
                return reserve(publication, families, ret, error);
        }
        /* Ports that the machine has now do not conflict with themselves. */
        return publication->same ? 0 : publish_check_others(publication, false, error);
}

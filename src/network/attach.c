/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/attach.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/apply.h"
#include "network/firewall/conntrack.h"
#include "network/host/ending.h"
#include "network/host/names.h"
#include "network/host/namespace.h"
#include "network/host/prune.h"
#include "network/netlink/link.h"
#include "network/plan.h"

#include <fcntl.h>

/* Shared by the steps of one attachment. */
struct attachment {
        struct network *network;
        struct network_session *session;
        struct network_state *state;
        struct network_lease *lease;
        struct lease_details details;
        int namespace_fd;
        bool fresh; /* no other machine of the network was attached */
};

static int find_mac(const struct network *network, uint8_t mac[static LINK_MAC_SIZE],
                    struct machine_error *error)
{
        _cleanup_free_ char *id = NULL;
        _cleanup_free_ char *text = NULL;

        if (network->mac) {
                return link_parse_mac(network->mac, mac) == 0
                               ? 0
                               : error_say(error, EINVAL, "\"%s\" is not a MAC address",
                                           network->mac);
        }
        (void)file_read(AT_FDCWD, "/etc/machine-id", 64, &id, NULL);
        text = string_format("%s %s %s %s 0", id ? id : "", network->runtime_directory,
                             network->name, network->machine);
        if (!text) {
                return error_oom(error);
        }
        link_derive_mac(text, mac);
        return 0;
}

/* Every attachment gets a new name: the link of the machine's last run exists until the kernel has
 * torn down its namespace. */
static int name_link(const struct network *network, char name[static IF_NAMESIZE])
{
        struct timespec now;
        _cleanup_free_ char *identity = NULL;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        identity = string_format("%s %s %u %d %" PRIu64 " %lld.%09ld %u",
                                 network->runtime_directory, network->machine, network->index,
                                 (int)network->owner.pid, network->owner.start_time,
                                 (long long)now.tv_sec, now.tv_nsec, network->attachments);
        if (!identity) {
                return -ENOMEM;
        }
        link_derive_name(LINK_VETH_PREFIX, NULL, identity, name);
        return 0;
}

/* Records the link before it is created, so that the next operation can clean up after a crash. */
static int note_link(struct attachment *attachment, struct machine_error *error)
{
        struct network_lease *lease = attachment->lease;
        char name[IF_NAMESIZE] = "";
        int r;

        if (name_link(attachment->network, name) < 0) {
                return error_oom(error);
        }
        /* A machine restarted by its owner leaves its last link, and the elements of that. */
        if (lease->attached) {
                leases_host(&attachment->session->leases)->stale = true;
                leases_host(&attachment->session->leases)->sweep = true;
        }
        memcpy(lease->link, name, sizeof(lease->link));
        lease->attached = true;
        lease->guarded = !attachment->state->spoofing;
        r = find_mac(attachment->network, lease->mac, error);
        if (r == 0) {
                network_session_save(attachment->session);
        }
        return r;
}

static uint32_t choose_mtu(const struct attachment *attachment)
{
        return (uint32_t)(attachment->network->mtu != MACHINE_UNSET ? attachment->network->mtu
                                                                    : attachment->state->mtu);
}

static int make_veth(const struct attachment *attachment, int bridge, struct machine_error *error)
{
        _cleanup_free_ char *tag = network_session_tag(attachment->session, attachment->state->name,
                                                       attachment->lease->machine);
        struct link_settings settings = {
                .name = attachment->lease->link,
                .index = attachment->network->index,
                .mtu = choose_mtu(attachment),
                .namespace_fd = attachment->namespace_fd,
                .parent = bridge,
        };
        struct interface_port port = {
                .alias = tag,
                .isolated = attachment->state->isolated,
                .ipv6 = prefix_is_set(&attachment->state->subnet6),
                .mac = attachment->lease->guarded ? attachment->lease->mac : NULL,
        };
        struct netlink_reason reason;
        int r;

        if (!tag) {
                return error_oom(error);
        }
        memcpy(settings.mac, attachment->lease->mac, LINK_MAC_SIZE);
        r = link_add_veth(attachment->session->socket, &settings, &reason);
        if (r == 0) {
                r = interface_set_port(attachment->session->socket,
                                       (int)if_nametoindex(settings.name), &port, &reason);
        }
        return r == 0 ? 0
                      : netlink_fail(error, r, &reason,
                                     "cannot create the machine's link to the bridge %s",
                                     attachment->state->bridge);
}

static int configure(const struct attachment *attachment, struct machine_error *error)
{
        const struct network_state *state = attachment->state;
        struct namespace_settings settings = {
                .interface = true,
                .index = attachment->network->index,
                .address = attachment->lease->address,
                .length = state->subnet.length,
                .address6 = attachment->lease->address6,
                .length6 = state->subnet6.length,
        };

        /* The way out is that of eth0. */
        if (!state->internal && attachment->network->index == 0) {
                settings.gateway = state->gateway;
                settings.gateway6 = state->gateway6;
        }
        return namespace_configure(attachment->namespace_fd, &settings, error);
}

/* Elements are recorded before they are added. */
static int add_rules(const struct attachment *attachment, struct machine_error *error)
{
        struct network_lease *lease = attachment->lease;
        int r = ending_yield_ports(attachment->session, lease, &attachment->details);

        if (r < 0) {
                return error_set(error, r, "cannot take over published ports");
        }
        lease->ruled = true;
        network_session_save(attachment->session);
        return apply_lease(attachment->session, lease, &attachment->details, attachment->fresh,
                           error);
}

/* The host's side once the link exists: kernel settings, rules, names. */
static int publish(struct attachment *attachment, struct machine_error *error)
{
        const struct lease_details *details = &attachment->details;
        int r = apply_settings(attachment->session, attachment->state, details->port_count > 0,
                               error);

        if (r == 0) {
                r = add_rules(attachment, error);
        }
        if (r == 0) {
                r = forwarding_save(attachment->session->directory_fd,
                                    &attachment->session->forwarding, error);
        }
        if (r == 0) {
                r = conntrack_flush(details->ports, details->port_count, error);
        }
        if (r == 0) {
                r = names_list(attachment->session, attachment->lease, error);
        }
        if (r == 0 && !attachment->state->internal) {
                r = apply_warnings(attachment->session, attachment->state,
                                   &attachment->network->warnings, error);
        }
        return r;
}

/* The lease of this machine, as network_prepare() left it. */
static int find_lease(struct attachment *attachment, struct machine_error *error)
{
        struct network_session *session = attachment->session;
        int r;

        attachment->state = leases_find_network(&session->leases, attachment->network->name);
        attachment->lease = attachment->state ? leases_find(&session->leases, attachment->state,
                                                            attachment->network->machine)
                                              : NULL;
        if (!attachment->lease || !lease_is_of(attachment->lease, &attachment->network->owner)) {
                return error_say(error, ENOENT, "the machine's address lease no longer exists");
        }
        r = details_load(session->directory_fd, &session->leases, attachment->lease,
                         &attachment->details);
        return r == 0 ? 0 : error_set(error, r, "cannot read the machine's ports");
}

/* A link that stays has its rules; only ports may have changed. */
static int keep_link(struct attachment *attachment, struct machine_error *error)
{
        if (!attachment->network->same_ports) {
                leases_host(&attachment->session->leases)->stale = true;
        }
        return publish(attachment, error);
}

static int make_link(struct attachment *attachment, struct machine_error *error)
{
        int bridge;
        int r = attachment->network->rejoins ? namespace_clear(attachment->namespace_fd,
                                                               attachment->network->index, error)
                                             : 0;

        if (r < 0) {
                return r;
        }
        attachment->fresh = !leases_is_attached(&attachment->session->leases, attachment->state);
        r = note_link(attachment, error);
        if (r == 0) {
                r = apply_bridge(attachment->session, attachment->state, &bridge, error);
        }
        if (r == 0) {
                r = make_veth(attachment, bridge, error);
        }
        if (r == 0) {
                r = configure(attachment, error);
        }
        return r == 0 ? publish(attachment, error) : r;
}

static int attach_locked(struct attachment *attachment, struct machine_error *error)
{
        int r = find_lease(attachment, error);

        if (r < 0) {
                return r;
        }
        r = attachment->network->kept ? keep_link(attachment, error) : make_link(attachment, error);
        if (r == 0) {
                network_session_save(attachment->session);
        }
        return r;
}

int attach_to_bridge(struct network *network, int namespace_fd, struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        struct attachment attachment = {
                .network = network,
                .session = &session,
                .namespace_fd = namespace_fd,
        };
        int r = network_session_open_host(network->runtime_directory, &session, error);

        if (r == 0) {
                r = attach_locked(&attachment, error);
        }
        details_clear(&attachment.details);
        return r;
}

/* The address of a machine on the host's own network: its subnet and gateway are those of the
 * host's interface. */
static int place_address(struct network_session *session, int parent, const char *text,
                         struct network_address *address, unsigned int *length,
                         struct network_address *gateway, struct machine_error *error)
{
        struct network_prefix subnet;
        int r;

        if (!text) {
                return 0;
        }
        r = address_parse(text, address);
        if (r == 0) {
                r = plan_find_subnet(session, parent, address, &subnet, gateway);
        }
        if (r == -ENOENT) {
                return error_say(error, EADDRNOTAVAIL,
                                 "cannot give the machine the address %s: it is not in a subnet of "
                                 "the host's interface",
                                 text);
        }
        if (r < 0) {
                return error_set(error, r, "cannot give the machine the address %s", text);
        }
        *length = subnet.length;
        return 0;
}

static int make_on_parent(struct network *network, struct network_session *session,
                          int namespace_fd, const struct interface *parent, const char *name,
                          struct machine_error *error)
{
        bool macvlan = network->mode == MACHINE_NETWORK_MACVLAN;
        struct link_settings settings = {
                .name = name,
                .mtu = network->mtu != MACHINE_UNSET ? (uint32_t)network->mtu : 0,
                .namespace_fd = namespace_fd,
                .parent = parent->index,
        };
        struct netlink_reason reason;
        int r = find_mac(network, settings.mac, error);

        if (r < 0) {
                return r;
        }
        r = macvlan ? link_add_macvlan(session->socket, &settings, &reason)
                    : link_add_ipvlan(session->socket, &settings, &reason);
        if (r == 0) {
                return 0;
        }
        r = netlink_fail(error, r, &reason, "cannot create %s on the interface %s",
                         macvlan ? "a macvlan" : "an ipvlan", parent->name);
        if (r == -EOPNOTSUPP) {
                error_hint(error, "this kernel has no %s driver", macvlan ? "macvlan" : "ipvlan");
        }
        return r;
}

static int make_parent_link(struct network *network, int namespace_fd, struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        struct namespace_settings settings = { .interface = true };
        const struct interface *parent;
        char name[IF_NAMESIZE];
        int index;
        int r = network_session_open_host(network->runtime_directory, &session, error);

        if (r == 0 && network->rejoins) {
                r = namespace_clear(namespace_fd, 0, error);
        }
        if (r < 0) {
                return r;
        }
        if (name_link(network, name) < 0) {
                return error_oom(error);
        }
        settings.made_as = name;
        parent = network_session_find_interface(&session, network->parent);
        if (!parent) {
                return error_say(error, ENODEV, "this host has no network interface \"%s\"",
                                 network->parent);
        }
        index = parent->index;
        settings.automatic = !network->address && !network->address6;
        r = make_on_parent(network, &session, namespace_fd, parent, name, error);
        if (r == 0) {
                r = place_address(&session, index, network->address, &settings.address,
                                  &settings.length, &settings.gateway, error);
        }
        if (r == 0) {
                r = place_address(&session, index, network->address6, &settings.address6,
                                  &settings.length6, &settings.gateway6, error);
        }
        return r == 0 ? namespace_configure(namespace_fd, &settings, error) : r;
}

int attach_to_parent(struct network *network, int namespace_fd, struct machine_error *error)
{
        if (network->kept) {
                return 0;
        }
        return make_parent_link(network, namespace_fd, error);
}

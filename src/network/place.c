/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/place.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/apply.h"
#include "network/conntrack.h"
#include "network/guest.h"
#include "network/link.h"
#include "network/names.h"
#include "network/plan.h"

#include <fcntl.h>

/* What the calls of one attachment share. */
struct attachment {
        struct network *network;
        struct network_room *room;
        struct network_state *state;
        struct network_lease *lease;
        int namespace_fd;
        bool fresh; /* no machine of the network was attached before */
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

/* A new name for every attachment: the link of the machine's last run lives on until the kernel has
 * taken its namespace apart. */
static int name_link(const struct network *network, char name[static IF_NAMESIZE])
{
        struct timespec now;
        _cleanup_free_ char *identity = NULL;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        identity =
                string_format("%s %s %d %" PRIu64 " %lld.%09ld %u", network->runtime_directory,
                              network->machine, (int)network->owner.pid, network->owner.start_time,
                              (long long)now.tv_sec, now.tv_nsec, network->attachments);
        if (!identity) {
                return -ENOMEM;
        }
        link_derive_name(LINK_VETH_PREFIX, NULL, identity, name);
        return 0;
}

/* Notes first what is going to be made: whoever comes after a crash undoes what is noted. */
static int note_link(struct attachment *attachment, struct machine_error *error)
{
        char name[IF_NAMESIZE];

        if (name_link(attachment->network, name) < 0 ||
            string_replace(&attachment->lease->link, name) < 0) {
                return error_oom(error);
        }
        attachment->lease->attached = true;
        return room_save(attachment->room, attachment->state, error);
}

static uint32_t choose_mtu(const struct attachment *attachment)
{
        return (uint32_t)(attachment->network->mtu != MACHINE_UNSET ? attachment->network->mtu
                                                                    : attachment->state->mtu);
}

static int make_veth(const struct attachment *attachment, int bridge, struct machine_error *error)
{
        _cleanup_free_ char *tag =
                room_tag(attachment->room, attachment->state->name, attachment->lease->machine);
        struct link_settings settings = {
                .name = attachment->lease->link,
                .mtu = choose_mtu(attachment),
                .namespace_fd = attachment->namespace_fd,
                .parent = bridge,
        };
        struct netlink_reason reason;
        int r;

        if (!tag) {
                return error_oom(error);
        }
        r = find_mac(attachment->network, settings.mac, error);
        if (r < 0) {
                return r;
        }
        r = link_add_veth(attachment->room->socket, &settings, &reason);
        if (r == 0) {
                r = interface_tag_port(attachment->room->socket, (int)if_nametoindex(settings.name),
                                       tag, attachment->state->isolated, &reason);
        }
        return r == 0 ? 0
                      : netlink_fail(error, r, &reason,
                                     "cannot make the machine's link to the bridge %s",
                                     attachment->state->bridge);
}

static int configure(const struct attachment *attachment, struct machine_error *error)
{
        const struct network_state *state = attachment->state;
        struct guest_settings settings = {
                .interface = true,
                .address = attachment->lease->address,
                .length = state->subnet.length,
                .address6 = attachment->lease->address6,
                .length6 = state->subnet6.length,
        };

        if (!state->internal) {
                settings.gateway = state->gateway;
                settings.gateway6 = state->gateway6;
        }
        return guest_configure(attachment->namespace_fd, &settings, error);
}

/* The host's side after the link: kernel settings, rules, names. */
static int publish(struct attachment *attachment, struct machine_error *error)
{
        struct network_lease *lease = attachment->lease;
        int r = apply_settings(attachment->room, attachment->state, lease->port_count > 0, error);

        if (r == 0) {
                r = apply_lease(attachment->room, attachment->state, lease, attachment->fresh,
                                error);
        }
        if (r == 0) {
                r = forwarding_save(attachment->room->directory_fd, &attachment->room->forwarding,
                                    error);
        }
        if (r == 0) {
                r = conntrack_flush(lease->ports, lease->port_count, error);
        }
        if (r == 0) {
                r = names_update_all(attachment->room, attachment->state, error);
        }
        if (r == 0 && !attachment->state->internal) {
                r = apply_warnings(attachment->room, attachment->state,
                                   &attachment->network->warnings, error);
        }
        return r;
}

static bool any_attached(const struct network_state *state)
{
        for (size_t i = 0; i < state->lease_count; i++) {
                if (state->leases[i].attached) {
                        return true;
                }
        }
        return false;
}

static int attach_locked(struct attachment *attachment, struct machine_error *error)
{
        int bridge;
        int r;

        attachment->state = room_state(attachment->room, attachment->network->name);
        attachment->lease = attachment->state ? network_state_find(attachment->state,
                                                                   attachment->network->machine)
                                              : NULL;
        if (!attachment->lease || attachment->lease->owner.pid != attachment->network->owner.pid) {
                return error_say(error, ENOENT, "the machine's address lease is gone");
        }
        attachment->fresh = !any_attached(attachment->state);
        r = note_link(attachment, error);
        if (r == 0) {
                r = apply_bridge(attachment->room, attachment->state, &bridge, error);
        }
        if (r == 0) {
                r = make_veth(attachment, bridge, error);
        }
        if (r == 0) {
                r = configure(attachment, error);
        }
        return r == 0 ? publish(attachment, error) : r;
}

int place_attach_bridge(struct network *network, int namespace_fd, struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        struct attachment attachment = {
                .network = network,
                .room = &room,
                .namespace_fd = namespace_fd,
        };
        int r = room_open_host(network->runtime_directory, &room, error);

        return r == 0 ? attach_locked(&attachment, error) : r;
}

/* An address of a machine that sits on the host's own network: its subnet and way out are those of
 * the host's interface. */
static int place_address(struct network_room *room, int parent, const char *text,
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
                r = plan_find_subnet(room, parent, address, &subnet, gateway);
        }
        if (r == -ENOENT) {
                return error_say(error, EADDRNOTAVAIL,
                                 "cannot give the machine the address %s: it is in no subnet of "
                                 "the host's interface",
                                 text);
        }
        if (r < 0) {
                return error_set(error, r, "cannot give the machine the address %s", text);
        }
        *length = subnet.length;
        return 0;
}

static int make_on_parent(struct network *network, struct network_room *room, int namespace_fd,
                          const struct interface *parent, const char *name,
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
        r = macvlan ? link_add_macvlan(room->socket, &settings, &reason)
                    : link_add_ipvlan(room->socket, &settings, &reason);
        if (r == 0) {
                return 0;
        }
        r = netlink_fail(error, r, &reason, "cannot put %s on the interface %s",
                         macvlan ? "a macvlan" : "an ipvlan", parent->name);
        if (r == -EOPNOTSUPP) {
                error_hint(error, "this kernel has no %s driver", macvlan ? "macvlan" : "ipvlan");
        }
        return r;
}

int place_attach_parent(struct network *network, int namespace_fd, struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        struct guest_settings settings = { .interface = true };
        const struct interface *parent;
        char name[IF_NAMESIZE];
        int r = room_open_host(network->runtime_directory, &room, error);

        if (r < 0) {
                return r;
        }
        if (name_link(network, name) < 0) {
                return error_oom(error);
        }
        settings.made_as = name;
        parent = interface_by_name(&room.interfaces, network->parent);
        if (!parent) {
                return error_say(error, ENODEV, "this host has no network interface \"%s\"",
                                 network->parent);
        }
        settings.automatic = !network->address && !network->address6;
        r = make_on_parent(network, &room, namespace_fd, parent, name, error);
        if (r == 0) {
                r = place_address(&room, parent->index, network->address, &settings.address,
                                  &settings.length, &settings.gateway, error);
        }
        if (r == 0) {
                r = place_address(&room, parent->index, network->address6, &settings.address6,
                                  &settings.length6, &settings.gateway6, error);
        }
        return r == 0 ? guest_configure(namespace_fd, &settings, error) : r;
}

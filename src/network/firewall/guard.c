/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall/guard.h"

#include <string.h>

/*
 * guarded: the guarded links, by their names on the host
 * macs:    a link and its machine's hardware address
 * own4:    a link and its machine's IPv4 address
 * own6:    the same for IPv6, and the link-local address derived from the hardware address.
 *          Before 1.0.7, nft has no name for the target of a neighbour advertisement, so the
 *          addresses are raw: 128 bits of the network header (the source) or of the transport
 *          header (the target).
 */
static const char sets_text[] = "  set guarded { type ifname\n  }\n"
                                "  set macs { type ifname . ether_addr\n  }\n"
                                "  set own4 { type ifname . ipv4_addr\n  }\n"
                                "  set own6 { typeof iifname . @nh,64,128\n  }\n";

/*
 * Everything not allowed is dropped, including frames too short for an address. VLAN-tagged frames
 * and other protocols are not allowed: the receiver strips a tag with VLAN ID 0 after rules that
 * match on the header behind it.
 *
 * A machine announces no addresses but its own (ARP, neighbour advertisements), and cannot act as a
 * router, DHCP server or multicast querier. A neighbour solicitation without a source asks whether
 * an address is free; sent for a machine's address by another, it would keep that machine from
 * using it. Receivers ignore neighbour discovery in fragments, which rules cannot see (RFC 6980).
 */
static const char rules_text[] =
        "  chain prerouting {\n"
        "    type filter hook prerouting priority -200; policy accept;\n"
        "    iifname @guarded goto machine\n"
        "  }\n"
        "  chain machine {\n"
        "    iifname . ether saddr @macs ether type vmap { ip : goto send4, ip6 : goto send6, "
        "arp : goto resolve }\n"
        "    drop\n"
        "  }\n"
        "  chain send4 {\n"
        "    udp sport 67 drop\n"
        "    igmp type membership-query drop\n"
        "    iifname . ip saddr @own4 accept\n"
        "    drop\n"
        "  }\n"
        "  chain resolve {\n"
        "    iifname . arp saddr ip @own4 iifname . arp saddr ether @macs accept\n"
        "    drop\n"
        "  }\n"
        "  chain send6 {\n"
        "    udp sport 547 drop\n"
        "    icmpv6 type { nd-router-advert, nd-redirect, mld-listener-query } drop\n"
        "    icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @own6 drop\n"
        "    iifname . @nh,64,128 @own6 accept\n"
        "    icmpv6 type nd-neighbor-solicit ip6 saddr :: iifname . @th,64,128 @own6 accept\n"
        "    drop\n"
        "  }\n";

/* Each field of a key takes a multiple of four bytes. */
static void pack(struct guard_element *element, const char *set, const char *link,
                 const uint8_t *data, size_t size)
{
        *element = (struct guard_element){
                .set = set,
                .length = IF_NAMESIZE + (size + 3) / 4 * 4,
        };
        strncpy((char *)element->key, link, IF_NAMESIZE);
        if (size > 0) {
                memcpy(element->key + IF_NAMESIZE, data, size);
        }
}

/* The address that the kernel derives for an Ethernet interface (RFC 4291, appendix A). */
static void derive_link_local(const uint8_t mac[static LINK_MAC_SIZE], uint8_t address[static 16])
{
        const uint8_t derived[16] = {
                0xfe,       0x80,   0,      0,    0,    0,      0,      0,
                mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5],
        };

        memcpy(address, derived, sizeof(derived));
}

void guard_pack_link(const char *link, struct guard_element *ret)
{
        pack(ret, GUARD_LINKS, link, NULL, 0);
}

size_t guard_list(const struct network_lease *lease,
                  struct guard_element ret[static GUARD_ELEMENTS_MAXIMUM])
{
        uint8_t link_local[16];
        size_t count = 0;

        if (!lease->guarded) {
                return 0;
        }
        derive_link_local(lease->mac, link_local);
        guard_pack_link(lease->link, &ret[count++]);
        pack(&ret[count++], "macs", lease->link, lease->mac, LINK_MAC_SIZE);
        if (address_is_set(&lease->address)) {
                pack(&ret[count++], "own4", lease->link, lease->address.bytes, 4);
        }
        if (address_is_set(&lease->address6)) {
                pack(&ret[count++], "own6", lease->link, lease->address6.bytes, 16);
        }
        pack(&ret[count++], "own6", lease->link, link_local, sizeof(link_local));
        return count;
}

bool guard_is_needed(const struct network_table *leases)
{
        TABLE_FOREACH_LEASE(lease, leases)
        {
                if (lease->attached && lease->guarded) {
                        return true;
                }
        }
        return false;
}

static void write_element(FILE *file, const char *table, const struct guard_element *element)
{
        const uint8_t *value = element->key + IF_NAMESIZE;
        size_t size = element->length - IF_NAMESIZE;
        char text[LINK_MAC_TEXT_SIZE];

        fprintf(file, "add element bridge %s %s { \"%s\"", table, element->set,
                (const char *)element->key);
        if (size == 8) {
                fprintf(file, " . %s", link_format_mac(value, text));
        } else if (size == 4) {
                fprintf(file, " . %u.%u.%u.%u", value[0], value[1], value[2], value[3]);
        } else if (size == 16) {
                fputs(" . 0x", file);
                for (size_t i = 0; i < size; i++) {
                        fprintf(file, "%02x", value[i]);
                }
        }
        fputs(" }\n", file);
}

void guard_write_table(FILE *file, const char *table, const struct network_table *leases)
{
        struct guard_element elements[GUARD_ELEMENTS_MAXIMUM];

        fprintf(file, "table bridge %s {\n%s%s}\n", table, sets_text, rules_text);
        TABLE_FOREACH_LEASE(lease, leases)
        {
                size_t made = lease->attached ? guard_list(lease, elements) : 0;

                for (size_t i = 0; i < made; i++) {
                        write_element(file, table, &elements[i]);
                }
        }
}

void guard_write_removal(FILE *file, const char *table)
{
        fprintf(file, "add table bridge %s\ndelete table bridge %s\n", table, table);
}

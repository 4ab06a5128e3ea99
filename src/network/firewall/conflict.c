/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall/conflict.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

void conflict_list_clear(struct conflict_list *list)
{
        for (size_t i = 0; i < list->count; i++) {
                free(list->items[i].table);
                free(list->items[i].chain);
        }
        free(list->items);
        *list = (struct conflict_list){ 0 };
}

int conflict_list_add(struct conflict_list *list, const struct firewall_conflict *conflict)
{
        struct firewall_conflict *grown =
                reallocarray(list->items, list->count + 1, sizeof(*grown));
        struct firewall_conflict *item;

        if (!grown) {
                return -ENOMEM;
        }
        list->items = grown;
        item = &list->items[list->count++];
        *item = *conflict;
        item->table = strdup(conflict->table);
        item->chain = strdup(conflict->chain);
        return item->table && item->chain ? 0 : -ENOMEM;
}

enum conflict_owner conflict_find_owner(bool (*has)(const void *data, const char *name),
                                        const void *data)
{
        static const struct {
                const char *chain;
                enum conflict_owner owner;
        } signs[] = {
                { "ufw-before-forward", CONFLICT_UFW },
                { "ufw6-before-forward", CONFLICT_UFW },
                { "DOCKER-USER", CONFLICT_DOCKER },
        };

        for (size_t i = 0; i < ELEMENTS_OF(signs); i++) {
                if (has(data, signs[i].chain)) {
                        return signs[i].owner;
                }
        }
        return CONFLICT_PLAIN;
}

static const char *family_name(uint8_t family)
{
        return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV4 ? "ip" : "ip6";
}

/* Commands for tables made by iptables. Whether "iptables" is the legacy or the nft variant is the
 * administrator's choice. */
static char *mend_iptables(const struct firewall_conflict *conflict, const char *bridge)
{
        const char *chain = conflict->owner == CONFLICT_DOCKER ? "DOCKER-USER" : conflict->chain;
        _cleanup_free_ char *tool =
                string_format("%s%s", conflict->family == NFPROTO_IPV6 ? "ip6tables" : "iptables",
                              conflict->legacy ? "-legacy" : "");

        return tool ? string_format("%s -I %s -i %s -j ACCEPT && %s -I %s -o %s -j ACCEPT", tool,
                                    chain, bridge, tool, chain, bridge)
                    : NULL;
}

char *conflict_command(const struct firewall_conflict *conflict, const char *bridge)
{
        const char *family = family_name(conflict->family);

        if (conflict->owner == CONFLICT_FIREWALLD) {
                return string_format("firewall-cmd --zone=trusted --add-interface=%s && "
                                     "firewall-cmd --permanent --zone=trusted --add-interface=%s",
                                     bridge, bridge);
        }
        if (conflict->owner == CONFLICT_UFW) {
                return string_format("ufw route allow in on %s && ufw route allow out on %s",
                                     bridge, bridge);
        }
        if (conflict->legacy ||
            (conflict->family != NFPROTO_INET && string_equal(conflict->table, "filter") &&
             string_equal(conflict->chain, "FORWARD"))) {
                return mend_iptables(conflict, bridge);
        }
        return string_format("nft insert rule %s %s %s iifname %s accept && "
                             "nft insert rule %s %s %s oifname %s accept",
                             family, conflict->table, conflict->chain, bridge, family,
                             conflict->table, conflict->chain, bridge);
}

char *conflict_describe(const struct firewall_conflict *conflict)
{
        return string_format("the %s table \"%s %s\"",
                             conflict->legacy ? "iptables-legacy" : "firewall",
                             family_name(conflict->family), conflict->table);
}

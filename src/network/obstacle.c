/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/obstacle.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

void obstacle_list_clear(struct obstacle_list *list)
{
        for (size_t i = 0; i < list->count; i++) {
                free(list->items[i].table);
                free(list->items[i].chain);
        }
        free(list->items);
        *list = (struct obstacle_list){ 0 };
}

int obstacle_list_add(struct obstacle_list *list, const struct obstacle *obstacle)
{
        struct obstacle *grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
        struct obstacle *item;

        if (!grown) {
                return -ENOMEM;
        }
        list->items = grown;
        item = &list->items[list->count++];
        *item = *obstacle;
        item->table = strdup(obstacle->table);
        item->chain = strdup(obstacle->chain);
        return item->table && item->chain ? 0 : -ENOMEM;
}

enum obstacle_owner obstacle_find_owner(bool (*has)(const void *data, const char *name),
                                        const void *data)
{
        static const struct {
                const char *chain;
                enum obstacle_owner owner;
        } signs[] = {
                { "ufw-before-forward", OBSTACLE_UFW },
                { "ufw6-before-forward", OBSTACLE_UFW },
                { "DOCKER-USER", OBSTACLE_DOCKER },
        };

        for (size_t i = 0; i < ELEMENTS_OF(signs); i++) {
                if (has(data, signs[i].chain)) {
                        return signs[i].owner;
                }
        }
        return OBSTACLE_PLAIN;
}

static const char *family_name(uint8_t family)
{
        return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV4 ? "ip" : "ip6";
}

/* iptables' commands, for tables that it made: iptables itself is one or the other, as the host's
 * administrator chose. */
static char *mend_iptables(const struct obstacle *obstacle, const char *bridge)
{
        const char *chain = obstacle->owner == OBSTACLE_DOCKER ? "DOCKER-USER" : obstacle->chain;
        _cleanup_free_ char *tool =
                string_format("%s%s", obstacle->family == NFPROTO_IPV6 ? "ip6tables" : "iptables",
                              obstacle->legacy ? "-legacy" : "");

        return tool ? string_format("%s -I %s -i %s -j ACCEPT && %s -I %s -o %s -j ACCEPT", tool,
                                    chain, bridge, tool, chain, bridge)
                    : NULL;
}

char *obstacle_mend(const struct obstacle *obstacle, const char *bridge)
{
        const char *family = family_name(obstacle->family);

        if (obstacle->owner == OBSTACLE_FIREWALLD) {
                return string_format("firewall-cmd --zone=trusted --add-interface=%s && "
                                     "firewall-cmd --permanent --zone=trusted --add-interface=%s",
                                     bridge, bridge);
        }
        if (obstacle->owner == OBSTACLE_UFW) {
                return string_format("ufw route allow in on %s && ufw route allow out on %s",
                                     bridge, bridge);
        }
        if (obstacle->legacy ||
            (obstacle->family != NFPROTO_INET && string_equal(obstacle->table, "filter") &&
             string_equal(obstacle->chain, "FORWARD"))) {
                return mend_iptables(obstacle, bridge);
        }
        return string_format("nft insert rule %s %s %s iifname %s accept && "
                             "nft insert rule %s %s %s oifname %s accept",
                             family, obstacle->table, obstacle->chain, bridge, family,
                             obstacle->table, obstacle->chain, bridge);
}

char *obstacle_describe(const struct obstacle *obstacle)
{
        return string_format("the %s table \"%s %s\"",
                             obstacle->legacy ? "iptables-legacy" : "firewall",
                             family_name(obstacle->family), obstacle->table);
}

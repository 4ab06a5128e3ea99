/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/firewall/conflict.h"

/* The tables of iptables-legacy, which nf_tables does not show, read from the kernel the way
 * libiptc does: the tool need not be installed, and its output is not a stable interface. */

#define TABLE    "filter"
#define ATTEMPTS 4

/* ip_tables and ip6_tables differ little: requests have the same numbers and structures
 * (include/uapi/linux/netfilter_ipv6/ip6_tables.h). */
struct variant {
        int domain;
        int level;
        uint8_t family;
        const char *names; /* lists the tables loaded in this namespace */
        size_t target;     /* offset of the field with the offset of an entry's target */
        size_t size;       /* of an entry without matches and target */
};

static const struct variant variants[] = {
        { AF_INET, IPPROTO_IP, NFPROTO_IPV4, "/proc/thread-self/net/ip_tables_names",
          offsetof(struct ipt_entry, target_offset), sizeof(struct ipt_entry) },
        { AF_INET6, IPPROTO_IPV6, NFPROTO_IPV6, "/proc/thread-self/net/ip6_tables_names",
          offsetof(struct ip6t_entry, target_offset), sizeof(struct ip6t_entry) },
};

/* A request for a table that is not loaded would load it. */
static bool is_loaded(const struct variant *variant)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_ char **names = NULL;

        return file_read(AT_FDCWD, variant->names, 4096, &text, NULL) == 0 &&
               strv_split(text, '\n', &names) == 0 && strv_contains(names, TABLE);
}

/* Reads the whole table. -EAGAIN if it was replaced between the two requests. */
static int read_once(int fd, const struct variant *variant, struct ipt_getinfo *ret_information,
                     struct ipt_get_entries **ret)
{
        struct ipt_getinfo information = { .name = TABLE };
        _cleanup_free_ struct ipt_get_entries *entries = NULL;
        socklen_t length = sizeof(information);

        if (getsockopt(fd, variant->level, IPT_SO_GET_INFO, &information, &length) < 0) {
                return -errno;
        }
        length = (socklen_t)(sizeof(*entries) + information.size);
        entries = calloc(1, length);
        if (!entries) {
                return -ENOMEM;
        }
        strcpy(entries->name, TABLE);
        entries->size = information.size;
        if (getsockopt(fd, variant->level, IPT_SO_GET_ENTRIES, entries, &length) < 0) {
                return -errno;
        }
        *ret_information = information;
        *ret = TAKE_PTR(entries);
        return 0;
}

static int read_table(const struct variant *variant, struct ipt_getinfo *ret_information,
                      struct ipt_get_entries **ret)
{
        _cleanup_close_ int fd = socket(variant->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
        int r = fd < 0 ? -errno : -EAGAIN;

        for (int attempt = 0; r == -EAGAIN && attempt < ATTEMPTS; attempt++) {
                r = read_once(fd, variant, ret_information, ret);
        }
        return r;
}

/* A chain's policy is the verdict of its last entry, the underflow. */
static bool drops_forwarded(const struct variant *variant, const struct ipt_getinfo *information,
                            const struct ipt_get_entries *entries)
{
        const char *first = (const char *)entries->entrytable;
        size_t at = information->underflow[NF_INET_FORWARD];
        struct xt_standard_target target;
        uint16_t offset;

        if (!(information->valid_hooks & 1u << NF_INET_FORWARD) ||
            at + variant->size > information->size) {
                return false;
        }
        memcpy(&offset, first + at + variant->target, sizeof(offset));
        if (at + offset + sizeof(target) > information->size) {
                return false;
        }
        memcpy(&target, first + at + offset, sizeof(target));
        return target.verdict == -NF_DROP - 1;
}

struct entries {
        const char *first;
        size_t size;
};

/* Names of interfaces and chains are NUL-terminated strings in the table. */
static bool holds(const void *data, const char *name)
{
        const struct entries *entries = data;

        return memmem(entries->first, entries->size, name, strlen(name) + 1) != NULL;
}

static int find(const struct variant *variant, const char *bridge, struct conflict_list *list)
{
        _cleanup_free_ struct ipt_get_entries *table = NULL;
        struct ipt_getinfo information = { 0 };
        struct entries entries;
        struct firewall_conflict conflict = {
                .legacy = true,
                .family = variant->family,
                .table = (char *)TABLE,
                .chain = (char *)"FORWARD",
        };
        int r = read_table(variant, &information, &table);

        if (r < 0) {
                return r;
        }
        entries = (struct entries){ (const char *)table->entrytable, information.size };
        if (!drops_forwarded(variant, &information, table) || holds(&entries, bridge)) {
                return 0;
        }
        conflict.owner = conflict_find_owner(holds, &entries);
        return conflict_list_add(list, &conflict);
}

int conflict_find_legacy(const char *bridge, struct conflict_list *list)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(variants); i++) {
                if (is_loaded(&variants[i])) {
                        r = find(&variants[i], bridge, list);
                }
        }
        return r;
}

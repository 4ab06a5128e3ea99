/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/names.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strings.h"

/* What a resolv.conf says (resolv.conf(5)). */
struct resolver {
        char **servers;
        char **search;
        char *options;
};

static void clear_resolver(struct resolver *resolver)
{
        strv_free(resolver->servers);
        strv_free(resolver->search);
        free(resolver->options);
}

static int take_words(char *words, char ***ret)
{
        char *place;

        for (char *word = strtok_r(words, " \t", &place); word;
             word = strtok_r(NULL, " \t", &place)) {
                if (strv_append(ret, word) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

/* trust-ad vouches for the way to the server, which is another one from a machine. */
static int take_options(char *words, char **ret)
{
        _cleanup_strv_ char **all = NULL;
        _cleanup_strv_ char **kept = NULL;

        if (take_words(words, &all) < 0) {
                return -ENOMEM;
        }
        STRV_FOREACH(word, all) {
                if (!string_equal(*word, "trust-ad") && strv_append(&kept, *word) < 0) {
                        return -ENOMEM;
                }
        }
        if (kept) {
                free(*ret);
                *ret = strv_join(kept, " ");
        }
        return !kept || *ret ? 0 : -ENOMEM;
}

/* The last of several search or domain lines counts. */
static int take_line(char *line, struct resolver *resolver)
{
        size_t key = strcspn(line, " \t");
        char *rest = line + key + (line[key] != '\0');

        if (key == 10 && memcmp(line, "nameserver", key) == 0) {
                return take_words(rest, &resolver->servers);
        }
        if (key == 6 && (memcmp(line, "search", key) == 0 || memcmp(line, "domain", key) == 0)) {
                strv_free(TAKE_PTR(resolver->search));
                return take_words(rest, &resolver->search);
        }
        if (key == 7 && memcmp(line, "options", key) == 0) {
                return take_options(rest, &resolver->options);
        }
        return 0;
}

static int parse(const char *text, struct resolver *resolver)
{
        _cleanup_strv_ char **lines = NULL;
        int r = strv_split(text, '\n', &lines);

        for (char **line = lines; r == 0 && line && *line; line++) {
                r = take_line(*line, resolver);
        }
        return r;
}

/* An address with a zone ("fe80::1%eth0") is one of the host's links, not of the machine's. */
static bool is_reachable(const char *server, const struct names_reach *reach)
{
        struct network_address address;

        if (reach->loopback) {
                return true;
        }
        if (reach->nowhere || address_parse(server, &address) < 0 ||
            address_is_loopback(&address) || address_is_wildcard(&address)) {
                return false;
        }
        return address.family == AF_INET ? reach->ipv4 : reach->ipv6;
}

static int keep_reachable(struct resolver *resolver, const struct names_reach *reach)
{
        _cleanup_strv_ char **kept = NULL;

        STRV_FOREACH(server, resolver->servers) {
                if (is_reachable(*server, reach) && strv_append(&kept, *server) < 0) {
                        return -ENOMEM;
                }
        }
        strv_free(resolver->servers);
        resolver->servers = TAKE_PTR(kept);
        return 0;
}

static int look_at_host(const struct names_reach *reach, const char *host_text,
                        const char *upstream_text, struct resolver *ret)
{
        struct resolver upstream = { 0 };
        int r = parse(host_text ? host_text : "", ret);

        if (r == 0) {
                r = keep_reachable(ret, reach);
        }
        if (r == 0 && !ret->servers && upstream_text) {
                r = parse(upstream_text, &upstream);
                if (r == 0) {
                        r = keep_reachable(&upstream, reach);
                }
                if (r == 0) {
                        strv_free(ret->servers);
                        ret->servers = TAKE_PTR(upstream.servers);
                }
        }
        clear_resolver(&upstream);
        return r;
}

static void write_text(FILE *file, const struct machine_network *network,
                       const struct resolver *host)
{
        char *const *search = network->search ? network->search : host->search;

        if (search) {
                fputs("search", file);
                STRV_FOREACH(domain, search) {
                        fprintf(file, " %s", *domain);
                }
                fputc('\n', file);
        }
        STRV_FOREACH(server, network->dns ? network->dns : host->servers) {
                fprintf(file, "nameserver %s\n", *server);
        }
        if (!network->dns && host->options) {
                fprintf(file, "options %s\n", host->options);
        }
}

int names_write_resolv_conf(const struct machine_network *network, const struct names_reach *reach,
                            const char *host_text, const char *upstream_text, char **ret,
                            bool *ret_lost)
{
        _cleanup_(clear_resolver) struct resolver host = { 0 };
        size_t length;
        FILE *file;
        int r = look_at_host(reach, host_text, upstream_text, &host);

        if (r < 0) {
                return r;
        }
        file = open_memstream(ret, &length);
        if (!file) {
                return -ENOMEM;
        }
        write_text(file, network, &host);
        if (fclose(file) != 0) {
                return -ENOMEM;
        }
        *ret_lost = !network->dns && !host.servers && !reach->nowhere;
        return 0;
}

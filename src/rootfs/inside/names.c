/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/inside/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/strings.h"

/* resolv.conf(5): the C library reads at most this many servers. */
#define SERVERS_MAXIMUM 3

/* An IPv6 address with an interface name. */
#define SERVER_BYTES 128

static bool is_local4(const struct in_addr *address)
{
        uint32_t value = ntohl(address->s_addr);

        return value >> 24 == IN_LOOPBACKNET || value == INADDR_ANY;
}

static bool is_local6(const struct in6_addr *address)
{
        struct in_addr mapped;

        if (IN6_IS_ADDR_V4MAPPED(address)) {
                memcpy(&mapped, address->s6_addr + 12, sizeof mapped);
                return is_local4(&mapped);
        }
        return IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_UNSPECIFIED(address) ||
               IN6_IS_ADDR_LINKLOCAL(address);
}

/* The C library skips anything that is not an address. */
static bool is_reachable(const char *server, const struct rootfs_reach *reach)
{
        char text[SERVER_BYTES];
        struct in_addr address;
        struct in6_addr address6;

        if (reach->host) {
                return true;
        }
        if (inet_pton(AF_INET, server, &address) == 1) {
                return reach->ipv4 && !is_local4(&address);
        }
        snprintf(text, sizeof text, "%.*s", (int)strcspn(server, "%"), server);
        return inet_pton(AF_INET6, text, &address6) == 1 && reach->ipv6 && !is_local6(&address6);
}

/* ---- The host's file ---- */

struct writer {
        const struct names_source *source;
        struct names_resolver *resolver;
        FILE *file;
};

/* The value of a line "keyword value", or NULL if it has another keyword. */
static const char *value_of(const char *line, const char *keyword)
{
        const char *rest = string_after(line, keyword);

        return rest && (*rest == ' ' || *rest == '\t') ? rest + strspn(rest, " \t") : NULL;
}

static int take_server(struct writer *writer, const char *value)
{
        struct names_resolver *resolver = writer->resolver;
        size_t length = strcspn(value, " \t\r#;");
        char server[SERVER_BYTES];

        if (strv_length(writer->source->servers) > 0 || length == 0 || length >= sizeof server) {
                return 0;
        }
        snprintf(server, sizeof server, "%.*s", (int)length, value);
        if (!is_reachable(server, &writer->source->reach)) {
                return strv_append(&resolver->left_out, server);
        }
        if (resolver->servers < SERVERS_MAXIMUM) {
                fprintf(writer->file, "nameserver %s\n", server);
                resolver->servers++;
        }
        return 0;
}

static int take_line(struct writer *writer, const char *line)
{
        const char *server = value_of(line, "nameserver");
        bool is_search = value_of(line, "search") || value_of(line, "domain");

        if (server) {
                return take_server(writer, server);
        }
        if (is_search ? strv_length(writer->source->search) == 0
                      : value_of(line, "options") != NULL) {
                fprintf(writer->file, "%.*s\n", (int)strcspn(line, "\r"), line);
        }
        return 0;
}

static int take_host(struct writer *writer, const char *host)
{
        _cleanup_strv_ char **lines = NULL;
        int r = strv_split(host, '\n', &lines);

        STRV_FOREACH(line, lines) {
                r = r < 0 ? r : take_line(writer, *line);
        }
        return r;
}

/* ---- The whole ---- */

static int write_all(struct writer *writer)
{
        const struct names_source *source = writer->source;

        STRV_FOREACH(server, source->servers) {
                fprintf(writer->file, "nameserver %s\n", *server);
                writer->resolver->servers++;
        }
        if (strv_length(source->search) > 0) {
                fputs("search", writer->file);
                STRV_FOREACH(domain, source->search) {
                        fprintf(writer->file, " %s", *domain);
                }
                fputs("\n", writer->file);
        }
        return source->host ? take_host(writer, source->host) : 0;
}

int names_resolver(const struct names_source *source, struct names_resolver *ret)
{
        struct names_resolver resolver = { 0 };
        struct writer writer = { .source = source, .resolver = &resolver };
        size_t length;
        int r;

        writer.file = open_memstream(&resolver.text, &length);
        if (!writer.file) {
                return -ENOMEM;
        }
        r = write_all(&writer);
        if (fclose(writer.file) != 0 || r < 0) {
                names_resolver_clear(&resolver);
                return -ENOMEM;
        }
        *ret = resolver;
        return 0;
}

int names_add(struct names_resolver *resolver, const char *server)
{
        char *longer = string_format("%snameserver %s\n", resolver->text, server);

        if (!longer) {
                return -ENOMEM;
        }
        free(resolver->text);
        resolver->text = longer;
        resolver->servers++;
        return 0;
}

int names_add_public(const struct names_source *source, struct names_resolver *resolver)
{
        /* The same as Podman's and Docker's. */
        static const char *const servers[] = { "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888" };

        for (size_t i = 0; i < ELEMENTS_OF(servers); i++) {
                if (is_reachable(servers[i], &source->reach) &&
                    names_add(resolver, servers[i]) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

void names_resolver_clear(struct names_resolver *resolver)
{
        free(resolver->text);
        strv_free(resolver->left_out);
        *resolver = (struct names_resolver){ 0 };
}

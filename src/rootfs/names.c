/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/names.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/strings.h"

/* resolv.conf(5): the C library reads this many servers. */
#define SERVERS_MAXIMUM 3

static const char *own_name(const struct machine *machine)
{
        return machine->hostname ? machine->hostname : machine->name;
}

static void write_own_names(FILE *file, const struct machine *machine, const char *address)
{
        const char *name = own_name(machine);

        fprintf(file, "%s ", address);
        if (machine->domainname && machine->domainname[0]) {
                fprintf(file, "%s.%s ", name, machine->domainname);
        }
        fprintf(file, "%s\n", name);
}

/* "NAME:ADDRESS"; the address may have colons of its own, the name has none. */
static void write_host(FILE *file, const char *entry)
{
        const char *colon = strchr(entry, ':');

        if (colon) {
                fprintf(file, "%s %.*s\n", colon + 1, (int)(colon - entry), entry);
        }
}

static char *finish(FILE *file, char **text)
{
        bool failed = ferror(file) != 0;

        if (fclose(file) != 0 || failed) {
                free(*text);
                return NULL;
        }
        return *text;
}

char *names_hosts(const struct machine *machine, const char *address, const char *address6)
{
        char *text = NULL;
        size_t length;
        FILE *file = open_memstream(&text, &length);

        if (!file) {
                return NULL;
        }
        fputs("127.0.0.1 localhost\n"
              "::1 localhost ip6-localhost ip6-loopback\n"
              "fe00::0 ip6-localnet\n"
              "ff02::1 ip6-allnodes\n"
              "ff02::2 ip6-allrouters\n",
              file);
        if (address) {
                write_own_names(file, machine, address);
        }
        if (address6) {
                write_own_names(file, machine, address6);
        }
        if (!address && !address6) {
                write_own_names(file, machine, "127.0.1.1");
        }
        STRV_FOREACH(entry, machine->network.hosts) {
                write_host(file, *entry);
        }
        return finish(file, &text);
}

static bool is_local(const char *server, size_t length)
{
        return (length >= 4 && memcmp(server, "127.", 4) == 0) ||
               (length == 3 && memcmp(server, "::1", 3) == 0) ||
               (length == 7 && memcmp(server, "0.0.0.0", 7) == 0) ||
               (length == 2 && memcmp(server, "::", 2) == 0);
}

struct resolver {
        FILE *file;
        bool keep_local;
        bool take_servers; /* from the host's file */
        bool take_search;
        unsigned int servers;
};

/* The value of a line "keyword value", or NULL where it is another keyword's. */
static const char *value_of(const char *line, const char *keyword)
{
        const char *rest = string_after(line, keyword);

        return rest && (*rest == ' ' || *rest == '\t') ? rest + strspn(rest, " \t") : NULL;
}

static void take_line(struct resolver *resolver, const char *line)
{
        const char *server = value_of(line, "nameserver");

        if (server) {
                size_t length = strcspn(server, " \t\r#;");

                if (resolver->take_servers && length > 0 && resolver->servers < SERVERS_MAXIMUM &&
                    (resolver->keep_local || !is_local(server, length))) {
                        fprintf(resolver->file, "nameserver %.*s\n", (int)length, server);
                        resolver->servers++;
                }
                return;
        }
        if (value_of(line, "search") || value_of(line, "domain")) {
                if (resolver->take_search) {
                        fprintf(resolver->file, "%s\n", line);
                }
                return;
        }
        if (value_of(line, "options")) {
                fprintf(resolver->file, "%s\n", line);
        }
}

static int take_host(struct resolver *resolver, const char *host)
{
        _cleanup_strv_ char **lines = NULL;
        int r = strv_split(host, '\n', &lines);

        if (r < 0) {
                return r;
        }
        STRV_FOREACH(line, lines) {
                take_line(resolver, *line);
        }
        return 0;
}

char *names_resolver(char *const *servers, char *const *search, const char *host, bool keep_local,
                     unsigned int *ret_servers)
{
        char *text = NULL;
        size_t length;
        struct resolver resolver = {
                .file = open_memstream(&text, &length),
                .keep_local = keep_local,
                .take_servers = strv_length(servers) == 0,
                .take_search = strv_length(search) == 0,
        };
        int r = 0;

        if (!resolver.file) {
                return NULL;
        }
        STRV_FOREACH(server, servers) {
                fprintf(resolver.file, "nameserver %s\n", *server);
                resolver.servers++;
        }
        if (!resolver.take_search) {
                fputs("search", resolver.file);
                STRV_FOREACH(domain, search) {
                        fprintf(resolver.file, " %s", *domain);
                }
                fputs("\n", resolver.file);
        }
        if (host) {
                r = take_host(&resolver, host);
        }
        *ret_servers = resolver.servers;
        if (!finish(resolver.file, &text)) {
                return NULL;
        }
        if (r < 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/names.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/strings.h"

/* resolv.conf(5): the C library reads this many servers. */
#define SERVERS_MAXIMUM 3

static char *finish(FILE *file, char **text)
{
        bool failed = ferror(file) != 0;

        if (fclose(file) != 0 || failed) {
                free(*text);
                return NULL;
        }
        return *text;
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

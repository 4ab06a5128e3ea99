/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"

/* A published port, or a range of them, of "[IP:]HOST:MACHINE/PROTOCOL" in a record. */
struct published {
        char *text; /* the others point into it */
        const char *address, *host, *machine, *protocol;
};

static void published_clear(struct published *published)
{
        free(published->text);
}

static int split(const char *port, struct published *ret, struct machine_error *error)
{
        _cleanup_(published_clear) struct published published = { .text = strdup(port) };
        char *slash = published.text ? strrchr(published.text, '/') : NULL;
        char *colon;

        if (!published.text) {
                return error_oom(error);
        }
        if (slash) {
                *slash = '\0';
        }
        published.protocol = slash ? slash + 1 : "tcp";
        colon = strrchr(published.text, ':');
        if (!colon) {
                return error_say(error, EBADMSG, "the record has an invalid port \"%s\"", port);
        }
        *colon = '\0';
        published.machine = colon + 1;
        published.host = published.text;
        colon = strrchr(published.text, ':');
        if (colon) {
                *colon = '\0';
                published.address = published.text;
                published.host = colon + 1;
        }
        *ret = published;
        published.text = NULL;
        return 0;
}

/* Whether "8000-8009" or "80" includes a port; *ret_offset is its place in the range. */
static bool range_has(const char *range, unsigned long port, unsigned long *ret_offset)
{
        char *end;
        unsigned long first = strtoul(range, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, NULL, 10) : first;

        *ret_offset = port - first;
        return port >= first && port <= last;
}

/* What a user asks for: "80", "80/udp", or everything. */
struct wanted {
        unsigned long port; /* 0: every one */
        const char *protocol;
};

static int parse_wanted(const struct verb *verb, const char *text, struct wanted *ret,
                        struct machine_error *error)
{
        static const char *const protocols[] = { "tcp", "udp", "sctp" };
        const char *slash = strchr(text, '/');
        char *end;

        *ret = (struct wanted){ strtoul(text, &end, 10), slash ? slash + 1 : "tcp" };
        for (size_t i = 0; i < ELEMENTS_OF(protocols); i++) {
                if (text[0] >= '0' && text[0] <= '9' && (*end == '\0' || end == slash) &&
                    ret->port > 0 && ret->port <= 65535 &&
                    strcmp(ret->protocol, protocols[i]) == 0) {
                        return 0;
                }
        }
        return cli_usage_error(verb, error, "\"%s\" is not a port of a machine, as 80 or 53/udp",
                               text);
}

static int add_json(json_t *array, const struct published *published)
{
        json_t *object = json_object();

        if (!object || json_array_append_new(array, object) < 0) {
                return -ENOMEM;
        }
        return json_set_string(object, "machine_port", published->machine) < 0 ||
                               json_set_string(object, "protocol", published->protocol) < 0 ||
                               json_set_string(object, "host_address", published->address) < 0 ||
                               json_set_string(object, "host_port", published->host) < 0
                       ? -ENOMEM
                       : 0;
}

/* Without an address, a port is reachable at every one of the host, of both families. */
static void print_host(const struct published *published, unsigned long offset, bool one)
{
        const char *address = published->address ? published->address : "*";

        if (one) {
                printf("%s:%lu\n", address, strtoul(published->host, NULL, 10) + offset);
        } else {
                printf("%s:%s\n", address, published->host);
        }
}

static int show_port(const char *port, const struct wanted *wanted, json_t *array, bool *ret_found,
                     struct machine_error *error)
{
        _cleanup_(published_clear) struct published published = { 0 };
        unsigned long offset = 0;
        int r = split(port, &published, error);

        if (r < 0) {
                return r;
        }
        if (wanted->port && (strcmp(published.protocol, wanted->protocol) != 0 ||
                             !range_has(published.machine, wanted->port, &offset))) {
                return 0;
        }
        *ret_found = true;
        if (array) {
                return add_json(array, &published) < 0 ? error_oom(error) : 0;
        }
        if (!wanted->port) {
                printf("%s/%s -> ", published.machine, published.protocol);
        }
        print_host(&published, offset, wanted->port != 0);
        return 0;
}

static int show_ports(struct cli *cli, const struct machine_record *record,
                      const struct wanted *wanted, struct machine_error *error)
{
        _cleanup_json_ json_t *array = cli->json == CLI_JSON_OFF ? NULL : json_array();
        bool found = false;
        int r = 0;

        for (size_t i = 0; r == 0 && record->ports && record->ports[i]; i++) {
                r = show_port(record->ports[i], wanted, array, &found, error);
        }
        if (r == 0 && wanted->port && !found) {
                error_say(error, ENOENT, "machine \"%s\" does not publish port %lu/%s",
                          record->name, wanted->port, wanted->protocol);
                error_hint(error, "machinectl-lite port %s lists its published ports",
                           record->name);
                return -ENOENT;
        }
        return r == 0 && array ? cli_print_json(cli, TAKE_PTR(array), error) : r;
}

/* The ports of a machine in another one's network are published by that one, a pod for example. */
static int find_publisher(struct cli *cli, const struct state_store *store, const char *name,
                          struct machine_record *record, struct machine_error *error)
{
        int r = cli_find_running(store, name, record, NULL, error);

        if (r == 0 && record->network_of && !record->ports) {
                _cleanup_free_ char *owner = TAKE_PTR(record->network_of);

                machine_record_clear(record);
                log_notice(&cli->log,
                           "machine \"%s\" shares the network of \"%s\", whose ports "
                           "these are",
                           name, owner);
                r = cli_find_running(store, owner, record, NULL, error);
        }
        return r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_free_ char *name = NULL;
        struct wanted wanted = { 0 };
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc < 1 || argc > 2) {
                return cli_usage_error(verb, error, "expected one machine, and at most one port");
        }
        r = argc == 2 ? parse_wanted(verb, argv[1], &wanted, error) : 0;
        if (r == 0) {
                r = cli_machine_name(cli, verb, argv[0], &name, error);
        }
        if (r == 0) {
                r = cli_open_store(cli, &store, error);
        }
        if (r == 0) {
                r = find_publisher(cli, &store, name, &record, error);
        }
        return r < 0 ? r : show_ports(cli, &record, &wanted, error);
}

const struct verb verb_port = {
        .name = "port",
        .arguments = "M [PORT[/PROTOCOL]]",
        .summary = "list the published ports of a machine",
        .run = run,
};

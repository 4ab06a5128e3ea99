/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/machines.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "network/firewalld.h"
#include "network/network.h"

struct network_options {
        bool follow;
};

static int take_follow(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        ((struct network_options *)data)->follow = true;
        return 0;
}

static const struct cli_option options[] = {
        { 'f', "follow", NULL, "reload: whenever firewalld does, until killed", take_follow },
        CLI_OPTIONS_END,
};

/* Machines of a network that run. */
static size_t count_running(const json_t *network)
{
        const json_t *machine;
        size_t index;
        size_t count = 0;

        json_array_foreach(json_object_get(network, "machines"), index, machine)
        {
                count += json_is_integer(json_object_get(machine, "pid"));
        }
        return count;
}

static int print_list(struct cli *cli, json_t *networks, struct machine_error *error)
{
        static const char *const headings[] = { "NAME",    "BRIDGE",   "SUBNET",
                                                "SUBNET6", "MACHINES", NULL };
        _cleanup_table_ struct table table = { 0 };
        const json_t *network;
        size_t index;

        if (table_start(&table, headings) < 0) {
                return error_oom(error);
        }
        json_array_foreach(networks, index, network)
        {
                char count[24];

                (void)snprintf(count, sizeof(count), "%zu", count_running(network));
                if (table_add(&table, json_get_string(network, "name")) < 0 ||
                    table_add(&table, json_get_string(network, "bridge")) < 0 ||
                    table_add(&table, json_get_string(network, "subnet")) < 0 ||
                    table_add(&table, json_get_string(network, "subnet6")) < 0 ||
                    table_add(&table, count) < 0) {
                        return error_oom(error);
                }
        }
        table_print(&table, cli->legend, cli->colour);
        return 0;
}

static const char *yes(const json_t *object, const char *key)
{
        return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

static void print_settings(const json_t *network)
{
        static const char *const texts[] = { "bridge", "subnet", "subnet6", "gateway", "gateway6" };

        printf("name: %s\n", json_get_string(network, "name"));
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                const char *text = json_get_string(network, texts[i]);

                printf("%s: %s\n", texts[i], text ? text : "-");
        }
        printf("internal: %s\nisolated: %s\nbridge is up: %s\nrules are in place: %s\n",
               yes(network, "internal"), yes(network, "isolated"), yes(network, "bridge_up"),
               yes(network, "rules"));
}

/* What the live check of one machine found. */
static const char *judge(const json_t *machine)
{
        if (!json_is_integer(json_object_get(machine, "pid"))) {
                return "stopped";
        }
        if (!json_is_true(json_object_get(machine, "link_up"))) {
                return "no link";
        }
        return json_array_size(json_object_get(machine, "ports_missing")) > 0 ? "ports missing"
                                                                              : "good";
}

static char *join_ports(const json_t *machine)
{
        _cleanup_strv_ char **ports = NULL;
        const json_t *port;
        size_t index;

        json_array_foreach(json_object_get(machine, "ports"), index, port)
        {
                if (strv_append(&ports, json_string_value(port)) < 0) {
                        return NULL;
                }
        }
        return strv_join(ports, " ");
}

static int print_status(struct cli *cli, const json_t *network, struct machine_error *error)
{
        static const char *const headings[] = { "MACHINE", "ADDRESS", "ADDRESS6", "LINK",
                                                "CHECK",   "PORTS",   NULL };
        _cleanup_table_ struct table table = { 0 };
        const json_t *machine;
        size_t index;

        if (table_start(&table, headings) < 0) {
                return error_oom(error);
        }
        json_array_foreach(json_object_get(network, "machines"), index, machine)
        {
                _cleanup_free_ char *ports = join_ports(machine);

                if (!ports || table_add(&table, json_get_string(machine, "name")) < 0 ||
                    table_add(&table, json_get_string(machine, "address")) < 0 ||
                    table_add(&table, json_get_string(machine, "address6")) < 0 ||
                    table_add(&table, json_get_string(machine, "link")) < 0 ||
                    table_add(&table, judge(machine)) < 0 || table_add(&table, ports) < 0) {
                        return error_oom(error);
                }
        }
        print_settings(network);
        putchar('\n');
        table_print(&table, cli->legend, cli->colour);
        return 0;
}

static int run_list(struct cli *cli, struct machine_error *error)
{
        _cleanup_json_ json_t *networks = NULL;
        int r = network_report(cli->directories.runtime, &networks, error);

        if (r < 0) {
                return r;
        }
        return cli->json != CLI_JSON_OFF ? cli_print_json(cli, TAKE_PTR(networks), error)
                                         : print_list(cli, networks, error);
}

static int run_status(struct cli *cli, const char *name, struct machine_error *error)
{
        _cleanup_json_ json_t *networks = NULL;
        json_t *network;
        size_t index;
        int r = network_report(cli->directories.runtime, &networks, error);

        if (r < 0) {
                return r;
        }
        json_array_foreach(networks, index, network)
        {
                if (string_equal(json_get_string(network, "name"), name)) {
                        return cli->json != CLI_JSON_OFF
                                       ? cli_print_json(cli, json_incref(network), error)
                                       : print_status(cli, network, error);
                }
        }
        error_say(error, ENOENT, "no machine has used the network \"%s\" since this host started",
                  name);
        error_hint(error,
                   "machinectl-lite network list shows the networks that machines have used");
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

static int run_reload(struct cli *cli, struct machine_error *error)
{
        _cleanup_strv_ char **warnings = NULL;
        int r = network_reload(cli->directories.runtime, &warnings, error);

        STRV_FOREACH(warning, warnings) {
                log_warning(&cli->log, "%s", *warning);
        }
        return r;
}

/* A failure is none of the next reload's. */
static void reload_again(void *data)
{
        struct cli *cli = data;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (run_reload(cli, &error) < 0) {
                log_error(&cli->log, &error);
        }
}

static int follow(struct cli *cli, struct machine_error *error)
{
        int r = firewalld_follow(reload_again, cli);

        return error_set(error, r, "cannot listen to firewalld on the system's bus");
}

static int run_network(struct cli *cli, const struct verb *verb, int argc, char **argv,
                       struct machine_error *error)
{
        struct network_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r > 0 ? 0 : r;
        }
        if (argc == 1 && !given.follow && string_equal(argv[0], "list")) {
                return run_list(cli, error);
        }
        if (argc == 2 && !given.follow && string_equal(argv[0], "status")) {
                return run_status(cli, argv[1], error);
        }
        if (argc == 1 && string_equal(argv[0], "reload")) {
                return given.follow ? follow(cli, error) : run_reload(cli, error);
        }
        return cli_usage_error(verb, error,
                               "which of \"list\", \"status NAME\" and \"reload [--follow]\"?");
}

const struct verb verb_network = {
        .name = "network",
        .arguments = "list | status NAME | reload [--follow]",
        .summary = "show networks; put back rules that were dropped",
        .options = options,
        .run = run_network,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/output/network_picture.h"
#include "cli/output/print.h"
#include "cli/output/table.h"
#include "cli/verbs/verbs.h"
#include "network/firewall/firewalld.h"
#include "network/network.h"

struct network_options {
        bool follow;
};

static const struct cli_option options[] = {
        { 'f', "follow", NULL, "with reload: after each reload of firewalld",
          CLI_FLAG(struct network_options, follow) },
        CLI_OPTIONS_END,
};

/* Counts the running machines of a network. */
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
        const json_t *value = json_object_get(object, key);

        return json_is_null(value) ? "only root may ask" : json_is_true(value) ? "yes" : "no";
}

static void print_settings(const json_t *network)
{
        static const char *const texts[] = { "bridge", "subnet", "subnet6", "gateway", "gateway6" };

        printf("name: %s\n", json_get_string(network, "name"));
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                const char *text = json_get_string(network, texts[i]);

                printf("%s: %s\n", texts[i], text ? text : "-");
        }
        printf("internal: %s\nisolated: %s\nspoofing: %s\nbridge is up: %s\n"
               "rules are in place: %s\n",
               yes(network, "internal"), yes(network, "isolated"), yes(network, "spoofing"),
               yes(network, "bridge_up"), yes(network, "rules"));
}

static void print_uplink(const json_t *network)
{
        const json_t *uplink = json_object_get(network, "uplink");

        const char *program = json_get_string(uplink, "program");
        const char *reason = json_get_string(uplink, "reason");

        if (!json_is_object(uplink)) {
                return;
        }
        if (json_is_true(json_object_get(uplink, "running"))) {
                printf("way out: %s (process %lld)%s\n", program,
                       (long long)json_integer_value(json_object_get(uplink, "pid")),
                       json_is_true(json_object_get(uplink, "serving")) ? "" : ", not ready yet");
                return;
        }
        printf("way out: none: %s has ended%s%s; it is started again when the host's routes "
               "change, and at least once a minute\n",
               program, reason ? ": " : "", reason ? reason : "");
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
                    table_add(&table, network_judge(network, machine)) < 0 ||
                    table_add(&table, ports) < 0) {
                        return error_oom(error);
                }
        }
        print_settings(network);
        print_uplink(network);
        putchar('\n');
        network_picture_print(cli, network);
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

static json_t *find_machine(json_t *networks, const char *name)
{
        json_t *network, *machine;
        size_t i, j;

        json_array_foreach(networks, i, network)
        {
                json_array_foreach(json_object_get(network, "machines"), j, machine)
                {
                        if (string_equal(json_get_string(machine, "name"), name)) {
                                return machine;
                        }
                }
        }
        return NULL;
}

/* Adds a running machine to the one whose network it shares, and that to it. */
static int add_sharer(json_t *networks, const struct machine_record *record)
{
        bool live = machine_state_is_live(record->state);
        json_t *owner =
                record->network_of && live ? find_machine(networks, record->network_of) : NULL;
        json_t *sharer = owner ? find_machine(networks, record->name) : NULL;
        json_t *names = json_object_get(owner, "shared_by");

        if (!owner) {
                return 0;
        }
        if (!names) {
                names = json_array();
                if (json_set_value(owner, "shared_by", names) < 0) {
                        return -ENOMEM;
                }
        }
        return json_array_append_new(names, json_string(record->name)) < 0 ||
                               (sharer && json_set_string(sharer, "shares", record->network_of) < 0)
                       ? -ENOMEM
                       : 0;
}

static int add_sharers(struct cli *cli, json_t *networks, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        int r = cli_open_store(cli, &store, error);

        r = r < 0 ? r : state_list(&store, &names, error);
        for (size_t i = 0; r == 0 && names && names[i]; i++) {
                _cleanup_record_ struct machine_record record = { 0 };

                if (state_query(&store, names[i], &record, NULL) == 0 &&
                    add_sharer(networks, &record) < 0) {
                        return error_oom(error);
                }
        }
        return r;
}

static int draw_all(const struct cli *cli, json_t *networks)
{
        const json_t *network;
        size_t index;

        json_array_foreach(networks, index, network)
        {
                network_picture_print(cli, network);
        }
        return 0;
}

/* Of one network, or with NULL a picture of all. */
static int run_status(struct cli *cli, const char *name, struct machine_error *error)
{
        _cleanup_json_ json_t *networks = NULL;
        json_t *network;
        size_t index;
        int r = network_report(cli->directories.runtime, &networks, error);

        /* Looking at nothing makes no directory. */
        r = r < 0 || json_array_size(networks) == 0 ? r : add_sharers(cli, networks, error);
        if (r < 0) {
                return r;
        }
        if (!name) {
                return cli->json != CLI_JSON_OFF ? cli_print_json(cli, TAKE_PTR(networks), error)
                                                 : draw_all(cli, networks);
        }
        json_array_foreach(networks, index, network)
        {
                if (string_equal(json_get_string(network, "name"), name)) {
                        return cli->json != CLI_JSON_OFF
                                       ? cli_print_json(cli, json_incref(network), error)
                                       : print_status(cli, network, error);
                }
        }
        error_say(error, ENOENT, "no machine has used network \"%s\" since boot", name);
        error_hint(error, "machinectl-lite network list shows the networks in use");
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

/* A failure must not keep the next reload from happening. */
static void reload_again(void *data)
{
        struct cli *cli = data;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (run_reload(cli, &error) < 0) {
                log_error(&cli->log, &error);
        }
}

static int run_network(struct cli *cli, const struct verb *verb, int argc, char **argv,
                       struct machine_error *error)
{
        struct network_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r > 0 ? 0 : r;
        }
        /* Everybody may look at the networks of the system. */
        r = string_equal(argv[0], "reload") || cli_is_of_user(cli) ? cli_enter_user(cli, error) : 0;
        if (r < 0) {
                return r;
        }
        if (argc == 1 && !given.follow && string_equal(argv[0], "list")) {
                return run_list(cli, error);
        }
        if ((argc == 1 || argc == 2) && !given.follow && string_equal(argv[0], "status")) {
                return run_status(cli, argv[1], error);
        }
        if (argc == 1 && string_equal(argv[0], "reload")) {
                return given.follow ? firewalld_follow(reload_again, cli, error)
                                    : run_reload(cli, error);
        }
        return cli_usage_error(verb, error,
                               "expected \"list\", \"status [NAME]\" or \"reload [--follow]\"");
}

const struct verb verb_network = {
        .name = "network",
        .arguments = "list | status [NAME] | reload [--follow]",
        .summary = "show networks, or restore removed rules",
        .options = options,
        .run = run_network,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/definition.h"
#include "cli/machines.h"
#include "cli/verbs.h"
#include "config/snapshot.h"

/* Statuses of the status verb, after the LSB's for init scripts. */
#define STATUS_NOT_RUNNING 3
#define STATUS_UNKNOWN     4

static const char *state_colour(enum machine_state state)
{
        switch (state) {
        case MACHINE_STATE_RUNNING:
                return "\033[1;32m";
        case MACHINE_STATE_FAILED:
                return "\033[1;31m";
        case MACHINE_STATE_PAUSED:
        case MACHINE_STATE_STARTING:
        case MACHINE_STATE_STOPPING:
                return "\033[1;33m";
        case MACHINE_STATE_CREATED:
        case MACHINE_STATE_STOPPED:
                break;
        }
        return "";
}

static void print_line(const char *label, const char *value)
{
        _cleanup_free_ char *printable = value && *value ? string_printable(value) : NULL;

        if (printable) {
                printf("%12s: %s\n", label, printable);
        }
}

static void print_process(const char *label, const struct process_identity *identity)
{
        if (identity->pid > 0) {
                printf("%12s: %d\n", label, identity->pid);
        }
}

static void print_since(const struct machine_record *record)
{
        bool live = machine_state_is_live(record->state);
        uint64_t usec = live ? record->started_usec : record->stopped_usec;
        _cleanup_free_ char *stamp = cli_format_timestamp(usec);
        char age[32];

        if (!stamp) {
                return;
        }
        quantity_format_time(clock_realtime() - usec, age);
        printf("%12s: %s; %s ago\n", "Since", stamp, age);
}

static void print_definition(const struct cli *cli, const struct machine_record *record)
{
        if (machine_state_is_live(record->state) &&
            cli_definition_drift(cli, record) == CLI_DRIFT_CHANGED) {
                _cleanup_free_ char *printable = string_printable(record->definition);

                printf("%12s: %s (changed since the start: machinectl-lite config diff %s)\n",
                       "Definition", printable ? printable : "", record->name);
        } else {
                print_line("Definition", record->definition);
        }
}

static void print_status(const struct cli *cli, const struct machine_record *record)
{
        bool live = machine_state_is_live(record->state);
        _cleanup_free_ char *ports = strv_join(record->ports, " ");
        _cleanup_free_ char *labels = strv_join(record->labels, " ");
        _cleanup_free_ char *exposed = strv_join(record->exposed_ports, " ");
        const char *colour = cli->colour ? state_colour(record->state) : "";

        printf("%s\n", record->name);
        printf("%12s: %s%s%s", "State", colour, machine_state_name(record->state),
               *colour ? "\033[0m" : "");
        if (!live && record->exit_status >= 0) {
                printf(" (status %d)", record->exit_status);
        }
        putchar('\n');
        print_line("Reason", record->reason);
        print_since(record);
        print_definition(cli, record);
        print_line("Labels", labels);
        print_line("Image", record->image);
        if (live) {
                print_process("First PID", &record->init);
                print_process("Supervisor", &record->supervisor);
                print_line("Group", record->cgroup);
        }
        if (record->user_count > 0) {
                printf("%12s: %u..%u\n", "User ids", record->user_base,
                       record->user_base + record->user_count - 1);
        }
        print_line("Address", record->address);
        print_line("", record->address6);
        print_line("Ports", ports);
        print_line("Exposes", exposed);
        if (record->restarts > 0) {
                printf("%12s: %llu\n", "Restarts", (unsigned long long)record->restarts);
        }
        if (record->out_of_memory_kills > 0) {
                printf("%12s: %llu killed for lack of memory\n", "Memory",
                       (unsigned long long)record->out_of_memory_kills);
        }
}

static json_t *drift_json(enum cli_drift drift)
{
        return drift == CLI_DRIFT_UNKNOWN ? json_null() : json_boolean(drift == CLI_DRIFT_CHANGED);
}

/* The fixed names that `list` has, what the definition said at the start under its own names, and
 * the record as it is true now, which goes before it. */
static json_t *shown_json(const struct cli *cli, const struct state_store *store,
                          const struct machine_record *record)
{
        _cleanup_json_ json_t *object = NULL, *settings = NULL;
        _cleanup_free_ char *text = NULL, *snapshot = NULL;
        bool live = machine_state_is_live(record->state);

        if (machine_record_write(record, &text) < 0) {
                return NULL;
        }
        object = json_loads(text, 0, NULL);
        if (json_set_value(object, "pid",
                           live && record->init.pid > 0 ? json_integer(record->init.pid)
                                                        : json_null()) < 0 ||
            json_set_number(object, "started", record->started_usec) < 0 ||
            json_set_value(object, "definition_changed",
                           live ? drift_json(cli_definition_drift(cli, record)) : json_null()) <
                    0) {
                return NULL;
        }
        /* It may hold secrets, so that only root can read it. */
        if (state_load_definition(store, record->name, &snapshot) == 0) {
                settings = config_snapshot_settings(snapshot);
                if (settings && json_object_update_missing(object, settings) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(object);
}

static int show(struct cli *cli, const struct verb *verb, const char *argument, bool json,
                struct machine_record *record, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_free_ char *name = NULL;
        int r = cli_machine_name(verb, argument, &name, error);

        if (r == 0) {
                r = cli_open_store(cli, &store, error);
        }
        if (r == 0) {
                r = cli_find_machine(&store, name, record, error);
        }
        if (r < 0) {
                return r;
        }
        if (json || cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, shown_json(cli, &store, record), error);
        }
        print_status(cli, record);
        return 0;
}

static int run_status(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "one machine at a time");
        }
        r = show(cli, verb, argv[0], false, &record, error);
        if (r < 0) {
                if (error->kind != MACHINE_ERROR_NO_INPUT) {
                        return r;
                }
                log_error(&cli->log, error);
                return STATUS_UNKNOWN;
        }
        return machine_state_is_live(record.state) ? 0 : STATUS_NOT_RUNNING;
}

static int run_show(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "one machine at a time");
        }
        if (cli->json == CLI_JSON_OFF) {
                cli->json = CLI_JSON_PRETTY;
        }
        return show(cli, verb, argv[0], true, &record, error);
}

const struct verb verb_status = {
        .name = "status",
        .arguments = "M",
        .summary = "what a machine is doing",
        .run = run_status,
};

const struct verb verb_show = {
        .name = "show",
        .arguments = "M",
        .summary = "all that is known of a machine, as JSON",
        .run = run_show,
};

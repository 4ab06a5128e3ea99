/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/life/started.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/output/log_text.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"
#include "state/health.h"
#include "state/record_networks.h"
#include "supervise/output/log_reader.h"

/* Exit statuses of the verb status; 3 and 4 are those of the LSB for init scripts. */
#define STATUS_NOT_RUNNING 3
#define STATUS_UNKNOWN     4
#define STATUS_UNHEALTHY   5

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
        printf("%12s: %s; %s ago%s\n", "Since", stamp, age,
               live && record->restored_usec > 0 ? ", restored from a checkpoint" : "");
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

/* What status and show print. */
struct shown {
        struct machine_record record;
        struct machine_health health;
        bool checked; /* the machine is running and has health checks */
};

static void clear_shown(struct shown *shown)
{
        machine_record_clear(&shown->record);
        machine_health_clear(&shown->health);
}

static void print_health(const struct machine_health *health)
{
        _cleanup_free_ char *since = cli_format_timestamp(health->since_usec);
        const char *label = "Output";
        char age[32];

        printf("%12s: %s since %s", "Health", health_status_name(health->status),
               since ? since : "");
        if (health->failures > 0) {
                printf("; %llu failure%s in a row", (unsigned long long)health->failures,
                       health->failures == 1 ? "" : "s");
        }
        putchar('\n');
        if (health->checked_usec > 0) {
                quantity_format_time(clock_realtime() - health->checked_usec, age);
                printf("%12s: %s; %s ago\n", "Last check",
                       health->reason ? health->reason : "passed", age);
        }
        /* The output consists of printable lines. */
        for (const char *line = health->output; line; line = strchr(line, '\n'), label = "") {
                line += *line == '\n';
                printf("%12s%c %.*s\n", label, *label ? ':' : ' ', (int)strcspn(line, "\n"), line);
        }
}

/* A shared network outlives the machine it was created for, whose programs are then missing in it.
 */
static void print_shared_network(const struct state_store *store, const char *name)
{
        _cleanup_json_ json_t *settings = cli_started_settings(store, name);
        _cleanup_record_ struct machine_record owner = { 0 };
        const char *mode = json_get_string(json_object_get(settings, "network"), "mode");
        const char *target = mode ? string_after(mode, "machine:") : NULL;

        if (target) {
                int r = state_query(store, target, &owner, NULL);

                printf("%12s: shared with %s (%s)\n", "Network", target,
                       r == 0 ? machine_state_name(owner.state) : "not running");
        }
}

/* Those of eth1, eth2, .. */
static void print_further_networks(const struct machine_record *record)
{
        size_t index = 0;

        STRV_FOREACH(text, record->networks) {
                struct record_network network;

                if (index++ > 0 && record_network_parse(*text, &network)) {
                        printf("%12s: %s%s%s in %s\n", "Network", network.address,
                               network.address[0] && network.address6[0] ? " " : "",
                               network.address6, network.name);
                }
        }
}

static void print_verified(const struct machine_record *record)
{
        const char *label = "Verified";

        STRV_FOREACH(text, machine_state_is_live(record->state) ? record->verified : NULL) {
                print_line(label, *text);
                label = "";
        }
}

static void print_status(const struct cli *cli, const struct state_store *store,
                         const struct shown *shown)
{
        const struct machine_record *record = &shown->record;
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
        if (shown->checked) {
                print_health(&shown->health);
        }
        print_definition(cli, record);
        print_line("Labels", labels);
        print_line("Image", record->image);
        print_verified(record);
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
        print_further_networks(record);
        if (live) {
                print_shared_network(store, record->name);
        }
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

/* ---- The end of the log ---- */

struct status_options {
        uint64_t lines;
};

static int take_lines(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        struct status_options *given = data;

        return quantity_parse_number(value, &given->lines) < 0
                       ? error_say(error, EINVAL, "--lines=%s: expected a number", value)
                       : 0;
}

static const struct cli_option status_options[] = {
        { 'n', "lines", "N", "lines of the log (default: 10, 0: none)", take_lines },
        CLI_OPTIONS_END,
};

static int print_log_line(const struct log_entry *entry, void *data)
{
        bool *begun = data;
        char stamp[32];

        if (!*begun) {
                putchar('\n');
                *begun = true;
        }
        log_text_stamp(entry->usec, stamp);
        printf("%s ", stamp);
        return log_text_print(entry, !isatty(STDOUT_FILENO)) < 0 || putchar('\n') == EOF ? -EIO : 0;
}

/* Machines that only ran in the foreground have none. Not everybody may read it. */
static void print_log(const struct cli *cli, const char *name, uint64_t lines)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        bool begun = false;
        const struct log_reading reading = {
                .directory = cli->directories.log,
                .machine = name,
                .last = lines,
                .handler = print_log_line,
                .data = &begun,
        };
        int r = lines > 0 ? log_read_any(&reading, &failure) : 0;

        if (r < 0 && r != -ENOENT && !ferror(stdout)) {
                log_warning(&cli->log, "%s", failure.message);
        }
}

static json_t *drift_json(enum cli_drift drift)
{
        return drift == CLI_DRIFT_UNKNOWN ? json_null() : json_boolean(drift == CLI_DRIFT_CHANGED);
}

/* Merges the health into the settings of the definition under the same key. */
static int add_health(json_t *object, const struct machine_health *health)
{
        json_t *current = machine_health_json(health);
        json_t *defined = json_object_get(object, "health");
        int r;

        if (!current || !json_is_object(defined)) {
                return json_set_value(object, "health", current);
        }
        r = json_object_update(defined, current) < 0 ? -ENOMEM : 0;
        json_decref(current);
        return r;
}

/* The keys of `list`, the current record, and the definition at the time of the start under its own
 * keys. The record takes precedence. */
static json_t *shown_json(const struct cli *cli, const struct state_store *store,
                          const struct shown *shown)
{
        const struct machine_record *record = &shown->record;
        _cleanup_json_ json_t *object = NULL, *settings = NULL;
        _cleanup_free_ char *text = NULL;
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
        settings = cli_started_settings(store, record->name);
        if (settings && json_object_update_missing(object, settings) < 0) {
                return NULL;
        }
        return shown->checked && add_health(object, &shown->health) < 0 ? NULL : TAKE_PTR(object);
}

/* A machine that is defined but has no record has not run since boot, and is shown as stopped. */
static int find_defined(const struct cli *cli, const char *name, const char *argument,
                        struct machine_record *ret, struct machine_error *error)
{
        _cleanup_free_ char *definition = NULL;

        if (cli_find_definition(cli, argument, &definition) < 0) {
                return -ENOENT;
        }
        machine_error_clear(error);
        if (machine_record_init(ret, name, definition) < 0) {
                return error_oom(error);
        }
        ret->state = MACHINE_STATE_STOPPED;
        return 0;
}

static int show(struct cli *cli, const struct verb *verb, const char *argument,
                const struct status_options *given, struct shown *shown,
                struct machine_error *error)
{
        struct machine_record *record = &shown->record;
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_free_ char *name = NULL;
        int r = cli_machine_name(cli, verb, argument, &name, error);

        if (r == 0) {
                r = cli_open_store(cli, &store, error);
        }
        if (r == 0) {
                r = cli_find_machine(&store, name, record, error);
        }
        if (r == -ENOENT && given) {
                r = find_defined(cli, name, argument, record, error);
        }
        if (r < 0) {
                return r;
        }
        shown->checked = machine_state_is_live(record->state) &&
                         state_load_health(&store, record->name, &shown->health) == 0;
        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, shown_json(cli, &store, shown), error);
        }
        print_status(cli, &store, shown);
        if (record->background > 0) {
                print_log(cli, record->name, given->lines);
        }
        return 0;
}

/* Parses the command line and shows the machine; without options to fill, as JSON in any case.
 * Returns 0, 1 if only help was printed, or -errno. */
static int parse_and_show(struct cli *cli, const struct verb *verb, int argc, char **argv,
                          struct status_options *given, struct shown *shown,
                          struct machine_error *error)
{
        int r = cli_parse(cli, verb, given, &argc, &argv, error);

        if (r != 0) {
                return r;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "expected one machine");
        }
        if (!given && cli->json == CLI_JSON_OFF) {
                cli->json = CLI_JSON_PRETTY;
        }
        return show(cli, verb, argv[0], given, shown, error);
}

static int run_status(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        _cleanup_(clear_shown) struct shown shown = { 0 };
        struct status_options given = { .lines = 10 };
        int r = parse_and_show(cli, verb, argc, argv, &given, &shown, error);

        if (r < 0) {
                if (error->kind != MACHINE_ERROR_NO_INPUT) {
                        return r;
                }
                log_error(&cli->log, error);
                return STATUS_UNKNOWN;
        }
        if (r > 0) {
                return 0;
        }
        if (!machine_state_is_live(shown.record.state)) {
                return STATUS_NOT_RUNNING;
        }
        return shown.checked && shown.health.status == HEALTH_STATUS_UNHEALTHY ? STATUS_UNHEALTHY
                                                                               : 0;
}

static int run_show(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        _cleanup_(clear_shown) struct shown shown = { 0 };
        int r = parse_and_show(cli, verb, argc, argv, NULL, &shown, error);

        return r < 0 ? r : 0;
}

const struct verb verb_status = {
        .name = "status",
        .arguments = "M",
        .summary = "show the state of a machine",
        .options = status_options,
        .run = run_status,
};

const struct verb verb_show = {
        .name = "show",
        .arguments = "M",
        .summary = "show everything about a machine as JSON",
        .run = run_show,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/common/moment.h"
#include "cli/events/observer.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/output/payload.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"

struct events_options {
        uint64_t since; /* 0: now */
        bool no_follow;
        const char *labels[CLI_LABELS_MAXIMUM + 1];
};

static int take_since(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        struct events_options *given = data;

        return cli_parse_moment(option, value, &given->since, error);
}

static const struct cli_option options[] = {
        { 'S', "since", "TIME", "with earlier ones: 10min, \"2026-01-31 12:00\"", take_since },
        { 0, "no-follow", NULL, "end after the events that are logged",
          CLI_FLAG(struct events_options, no_follow) },
        CLI_LABEL_OPTION(struct events_options, labels),
        CLI_OPTIONS_END,
};

/* Passed through the observer. */
struct printing {
        const struct cli *cli;
        const struct events_options *given;
        char *const *patterns;
};

static bool is_wanted(const struct printing *printing, const struct machine_record *record)
{
        if (!cli_labels_match(record->labels, printing->given->labels)) {
                return false;
        }
        STRV_FOREACH(pattern, printing->patterns) {
                if (fnmatch(*pattern, record->name, 0) == 0) {
                        return true;
                }
        }
        return !printing->patterns || !printing->patterns[0];
}

/* The keys are an interface for scripts. */
static json_t *as_json(const struct occurrence *occurrence)
{
        const struct machine_record *record = &occurrence->machine->record;
        _cleanup_json_ json_t *object = json_object();

        if (!object || json_set_number(object, "time", occurrence->time_usec) < 0 ||
            json_set_string(object, "machine", record->name) < 0 ||
            json_set_string(object, "event", occurrence->event) < 0 ||
            json_set_string(object, "state", machine_state_name(record->state)) < 0 ||
            json_set_string(object, "health", occurrence->machine->health) < 0 ||
            json_set_value(object, "exit_status",
                           record->exit_status < 0 ? json_null()
                                                   : json_integer(record->exit_status)) < 0 ||
            json_set_string(object, "reason", record->reason) < 0 ||
            json_set_number(object, "restarts", record->restarts) < 0 ||
            json_set_string(object, "image", record->image) < 0 ||
            json_set_string(object, "definition", record->definition) < 0 ||
            json_set_strings(object, "labels", record->labels) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static int print_text(const struct occurrence *occurrence)
{
        const struct machine_record *record = &occurrence->machine->record;
        _cleanup_free_ char *stamp = cli_format_timestamp(occurrence->time_usec);
        const char *reason =
                record->reason && strcmp(occurrence->event, "end") == 0 ? record->reason : "";
        _cleanup_free_ char *shown = payload_for_terminal(reason, strlen(reason));

        if (!stamp || !shown) {
                return -ENOMEM;
        }
        printf("%s  %-13s  %s%s%s\n", stamp, occurrence->event, record->name, *shown ? ": " : "",
               shown);
        return 0;
}

static int print(const struct occurrence *occurrence, void *data)
{
        const struct printing *printing = data;
        int r;

        if (!is_wanted(printing, &occurrence->machine->record)) {
                return 0;
        }
        r = printing->cli->json == CLI_JSON_OFF
                    ? print_text(occurrence)
                    : cli_print_json(printing->cli, as_json(occurrence), NULL);
        return r == 0 && fflush(stdout) != 0 ? -errno : r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct events_options given = { 0 };
        struct printing printing = { .cli = cli, .given = &given };
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_observer_ struct observer *observer = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        printing.patterns = argv;
        r = cli_open_store(cli, &store, error);
        if (r == 0) {
                r = observer_new(&store,
                                 given.since || given.no_follow ? given.since : clock_realtime(),
                                 print, &printing, &observer, error);
        }
        if (r == 0 && !given.no_follow) {
                r = observer_follow(observer, error);
        }
        return r == -EPIPE ? 0 : r;
}

const struct verb verb_events = {
        .name = "events",
        .arguments = "[M..]",
        .summary = "show what happens to machines, as it happens",
        .options = options,
        .run = run,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/machines.h"
#include "cli/verbs.h"
#include "supervise/log_reader.h"

struct logs_options {
        bool follow;
        bool timestamps;
        uint64_t lines;
        uint64_t since;
};

static int take_follow(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        ((struct logs_options *)data)->follow = true;
        return 0;
}

static int take_timestamps(const struct cli_option *option, const char *value, void *data,
                           struct machine_error *error)
{
        ((struct logs_options *)data)->timestamps = true;
        return 0;
}

static int take_lines(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        struct logs_options *given = data;

        if (strcmp(value, "all") == 0) {
                given->lines = UINT64_MAX;
                return 0;
        }
        if (quantity_parse_number(value, &given->lines) < 0) {
                return error_say(error, EINVAL, "--lines=%s: expected a number or \"all\"", value);
        }
        return 0;
}

/* A point in time, "2026-01-31 12:00[:30]" in local time, or how long ago. */
static int take_since(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
                                               "%Y-%m-%d %H:%M", "%Y-%m-%d" };
        struct logs_options *given = data;
        uint64_t ago;

        if (quantity_parse_time(value, &ago) == 0) {
                uint64_t now = (uint64_t)time(NULL) * USEC_PER_SEC;

                given->since = ago < now ? now - ago : 0;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTS_OF(formats); i++) {
                struct tm parts = { .tm_isdst = -1 };
                const char *end = strptime(value, formats[i], &parts);

                if (end && *end == '\0') {
                        given->since = (uint64_t)mktime(&parts) * USEC_PER_SEC;
                        return 0;
                }
        }
        return error_say(error, EINVAL,
                         "--since=%s: expected a time such as \"2026-01-31 12:00\", or how long "
                         "ago, such as \"10min\"",
                         value);
}

static const struct cli_option options[] = {
        { 'f', "follow", NULL, "go on with what is printed from now on", take_follow },
        { 'n', "lines", "N", "only the last N lines, or \"all\"", take_lines },
        { 'S', "since", "TIME", "only from then on: 10min, \"2026-01-31 12:00\"", take_since },
        { 't', "timestamps", NULL, "with the time of each line", take_timestamps },
        CLI_OPTIONS_END,
};

/* One reading of a log by this verb. */
struct printing {
        const struct cli *cli;
        const struct state_store *store;
        const char *name;
        bool timestamps;
};

static int print_json(const struct cli *cli, const struct log_entry *entry)
{
        _cleanup_free_ char *stream = strndup(entry->stream, entry->stream_length);
        _cleanup_free_ char *raw = strndup(entry->text, entry->length);
        _cleanup_free_ char *text = raw ? string_printable(raw) : NULL;
        json_t *object = json_object();

        if (!stream || !text || !object || json_set_number(object, "time", entry->usec) < 0 ||
            json_set_string(object, "stream", stream) < 0 ||
            json_set_string(object, "text", text) < 0) {
                json_decref(object);
                return -ENOMEM;
        }
        return cli_print_json(cli, object, NULL);
}

static int print_entry(const struct log_entry *entry, void *data)
{
        const struct printing *printing = data;

        if (printing->cli->json != CLI_JSON_OFF) {
                return print_json(printing->cli, entry);
        }
        if (printing->timestamps) {
                _cleanup_free_ char *stamp = cli_format_timestamp(entry->usec);

                printf("%s  ", stamp ? stamp : "");
        }
        fwrite(entry->text, 1, entry->length, stdout);
        if (entry->whole) {
                putchar('\n');
        }
        /* A reader that went away ends it. */
        return fflush(stdout) == 0 ? 0 : -errno;
}

static bool has_ended(void *data)
{
        const struct printing *printing = data;
        _cleanup_record_ struct machine_record record = { 0 };

        return state_query(printing->store, printing->name, &record, NULL) < 0 ||
               !machine_state_is_live(record.state);
}

static int print_log(struct cli *cli, const char *name, const struct logs_options *given,
                     struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        struct printing printing = { cli, &store, name, given->timestamps };
        struct log_reading reading = {
                .directory = cli->directories.log,
                .machine = name,
                .since = given->since,
                .last = given->lines,
                .follow = given->follow,
                .ended = has_ended,
                .handler = print_entry,
                .data = &printing,
        };
        int r = cli_open_store(cli, &store, error);

        if (r < 0) {
                return r;
        }
        r = log_read_any(&reading, error);
        if (r == -EPIPE) {
                return 0;
        }
        /* Nothing was wrong with the log. */
        return r < 0 && ferror(stdout) ? error_set(error, r, "cannot write to standard output") : r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct logs_options given = { .lines = UINT64_MAX };
        _cleanup_free_ char *name = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "one machine at a time");
        }
        r = cli_machine_name(verb, argv[0], &name, error);
        return r < 0 ? r : print_log(cli, name, &given, error);
}

const struct verb verb_logs = {
        .name = "logs",
        .arguments = "M",
        .summary = "what a machine has printed",
        .options = options,
        .run = run,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/common/moment.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/output/log_text.h"
#include "cli/output/payload.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"
#include "supervise/output/log_reader.h"

struct logs_options {
        bool reopen;
        struct cli_selection selection;
        bool follow;
        bool timestamps;
        bool raw;
        uint64_t lines;
        uint64_t since;
};

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

static int take_since(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        struct logs_options *given = data;

        return cli_parse_moment(option, value, &given->since, error);
}

static const struct cli_option options[] = {
        { 'f', "follow", NULL, "wait for new lines", CLI_FLAG(struct logs_options, follow) },
        { 'n', "lines", "N", "show only the last N lines, or \"all\"", take_lines },
        { 'S', "since", "TIME", "show only newer lines: 10min, \"2026-01-31 12:00\"", take_since },
        { 0, "raw", NULL, "do not escape control characters", CLI_FLAG(struct logs_options, raw) },
        { 't', "timestamps", NULL, "show the time of each line",
          CLI_FLAG(struct logs_options, timestamps) },
        { 0, "reopen", NULL, "recreate log files that were moved or removed",
          CLI_FLAG(struct logs_options, reopen) },
        { 0, "all", NULL, "all machines; with --reopen: all running ones",
          CLI_FLAG(struct logs_options, selection.all) },
        CLI_LABEL_OPTION(struct logs_options, selection.labels),
        CLI_OPTIONS_END,
};

/* Passed through the log reader to print_entry(). */
struct printing {
        const struct cli *cli;
        const struct state_store *store;
        const char *name;
        bool timestamps;
        bool raw;   /* as it was printed: nobody's terminal obeys it, or its user wants it to */
        int prefix; /* the width of the name before each line, or 0 */
};

static int print_json(const struct printing *printing, const struct log_entry *entry)
{
        _cleanup_free_ char *stream = strndup(entry->stream, entry->stream_length);
        _cleanup_free_ char *text = payload_for_json(entry->text, entry->length);
        json_t *object = json_object();

        if (!stream || !text || !object ||
            (printing->prefix && json_set_string(object, "machine", printing->name) < 0) ||
            json_set_number(object, "time", entry->usec) < 0 ||
            json_set_string(object, "stream", stream) < 0 ||
            json_set_string(object, "text", text) < 0) {
                json_decref(object);
                return -ENOMEM;
        }
        return cli_print_json(printing->cli, object, NULL);
}

static int print_entry(const struct log_entry *entry, void *data)
{
        const struct printing *printing = data;

        if (printing->cli->json != CLI_JSON_OFF) {
                return print_json(printing, entry);
        }
        if (printing->prefix) {
                printf("%-*s | ", printing->prefix, printing->name);
        }
        if (printing->timestamps) {
                _cleanup_free_ char *stamp = cli_format_timestamp(entry->usec);

                printf("%s  ", stamp ? stamp : "");
        }
        if (log_text_print(entry, printing->raw) < 0) {
                return -ENOMEM;
        }
        if (entry->whole) {
                putchar('\n');
        }
        /* Stop if the reader of a pipe has exited. */
        return fflush(stdout) == 0 ? 0 : -errno;
}

static bool has_ended(void *data)
{
        const struct printing *printing = data;
        _cleanup_record_ struct machine_record record = { 0 };

        return state_query(printing->store, printing->name, &record, NULL) < 0 ||
               !machine_state_is_live(record.state);
}

static int print_log(struct cli *cli, const char *name, int prefix,
                     const struct logs_options *given, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        struct printing printing = {
                cli, &store, name, given->timestamps, given->raw || !isatty(STDOUT_FILENO), prefix,
        };
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
        /* The failure is that of the output, not of the log. */
        return r < 0 && ferror(stdout) ? error_set(error, r, "cannot write to standard output") : r;
}

/* In a process of its own: the logs of several machines are followed side by side. Each line is
 * written at once. */
static pid_t follow_log(struct cli *cli, const char *name, int prefix,
                        const struct logs_options *given)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        pid_t pid = fork();

        if (pid != 0) {
                return pid;
        }
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (print_log(cli, name, prefix, given, &error) < 0) {
                log_error(&cli->log, &error);
                _exit(EXIT_FAILURE);
        }
        _exit(EXIT_SUCCESS);
}

static int follow_logs(struct cli *cli, char *const *names, int prefix,
                       const struct logs_options *given, struct machine_error *error)
{
        int status, r = 0;

        STRV_FOREACH(name, names) {
                if (follow_log(cli, *name, prefix, given) < 0) {
                        r = error_set(error, errno, "cannot fork to follow the log of \"%s\"",
                                      *name);
                }
        }
        while (wait(&status) > 0) {
                if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
                        r = r < 0 ? r : error_say(error, EIO, "not all logs could be followed");
                }
        }
        return r;
}

static int print_logs(struct cli *cli, char *const *names, const struct logs_options *given,
                      struct machine_error *error)
{
        int width = 0, r = 0;

        STRV_FOREACH(name, names) {
                width = (int)strlen(*name) > width ? (int)strlen(*name) : width;
        }
        if (given->follow) {
                return follow_logs(cli, names, width, given, error);
        }
        for (size_t i = 0; r == 0 && names && names[i]; i++) {
                r = print_log(cli, names[i], width, given, error);
        }
        return r;
}

static bool is_pod(const struct state_store *store, const char *name)
{
        _cleanup_record_ struct machine_record record = { 0 };

        return state_load(store, name, &record, NULL) == 0 && machine_record_is_pod(&record);
}

/* A pod has no output of its own: its members take its place. */
static int take_members(const struct state_store *store, char ***names, struct machine_error *error)
{
        _cleanup_strv_ char **known = NULL, **members = NULL;
        int r = state_list(store, &known, error);

        STRV_FOREACH(name, known) {
                _cleanup_record_ struct machine_record record = { 0 };

                if (r == 0 && state_load(store, *name, &record, NULL) == 0 &&
                    string_equal(record.network_of, (*names)[0])) {
                        r = strv_append(&members, *name) < 0 ? error_oom(error) : 0;
                }
        }
        if (r < 0) {
                return r;
        }
        strv_free(*names);
        *names = TAKE_PTR(members);
        return 0;
}

/* Several machines, or chosen ones, have their names before each line. */
static int show(struct cli *cli, const struct verb *verb, int argc, char *const *argv,
                const struct logs_options *given, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        bool several = argc != 1 || given->selection.labels[0] || cli_is_pattern(argv[0]);
        struct cli_selection selection = given->selection;
        int r;

        selection.candidates = CLI_KNOWN;
        r = cli_choose_machines(cli, verb, argv, &selection, &store, &names, error);
        if (r == 0 && names && !several && is_pod(&store, names[0])) {
                several = true;
                r = take_members(&store, &names, error);
        }
        if (r < 0 || !names) {
                return r;
        }
        return several ? print_logs(cli, names, given, error)
                       : print_log(cli, names[0], 0, given, error);
}

/* Machines in the foreground have no log, and their supervisors would forward the signal. */
static int reopen_log(struct cli *cli, const struct state_store *store, const char *name,
                      void *data, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int supervisor = -EBADF;
        int r = cli_find_machine(store, name, &record, error);

        if (r < 0 || !record.background || !machine_state_is_live(record.state)) {
                return r;
        }
        supervisor = process_open(&record.supervisor);
        if (supervisor >= 0) {
                r = syscall(SYS_pidfd_send_signal, supervisor, SIGHUP, NULL, 0) < 0 ? -errno : 0;
        } else {
                r = supervisor;
        }
        return r == 0 || r == -ESRCH
                       ? 0
                       : error_set(error, r, "cannot reach the supervisor of machine \"%s\"", name);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct logs_options given = { .lines = UINT64_MAX };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (given.reopen) {
                return cli_for_each_machine(cli, verb, argv, &given.selection, reopen_log, NULL,
                                            error);
        }
        return show(cli, verb, argc, argv, &given, error);
}

const struct verb verb_logs = {
        .name = "logs",
        .arguments = "M..",
        .summary = "show the output of machines",
        .options = options,
        .run = run,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/starting.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/strings.h"
#include "cli/machines.h"
#include "supervise/log_reader.h"
#include "systemd/journal.h"
#include "systemd/manager.h"

/* How much of a machine's log is shown when its start fails. */
#define LAST_LINES 10

enum progress {
        WAITING,
        UNDER_WAY,
        READY,
        FAILED,
};

struct candidate {
        struct machine *machine;
        enum progress progress;
        int report;
};

/* All machines of one command, each once. */
struct starting {
        struct cli *cli;
        struct state_store store;
        struct candidate *candidates;
        size_t count;
        uint64_t begun; /* CLOCK_REALTIME */
        int result;
        struct machine_error *error; /* the last one; those before are printed */
};

static void fail(struct starting *starting, struct machine_error *failure, int r)
{
        if (starting->result < 0) {
                log_error(&starting->cli->log, starting->error);
        }
        error_move(starting->error, failure);
        starting->result = r;
}

static struct candidate *find(const struct starting *starting, const char *name)
{
        for (size_t i = 0; i < starting->count; i++) {
                if (strcmp(starting->candidates[i].machine->name, name) == 0) {
                        return &starting->candidates[i];
                }
        }
        return NULL;
}

/* Starting what runs is no failure: the second of two starts finds what it asks for. One that is on
 * its way down is waited for. */
static bool is_running(const struct state_store *store, const char *name)
{
        _cleanup_record_ struct machine_record record = { 0 };

        if (state_query(store, name, &record, NULL) < 0 || !machine_state_is_live(record.state) ||
            record.state == MACHINE_STATE_STARTING) {
                return false;
        }
        if (record.state != MACHINE_STATE_STOPPING && process_is_alive(&record.init)) {
                return true;
        }
        (void)cli_wait_for_end(&record, NULL);
        return false;
}

static int add(struct starting *starting, struct machine *machine, struct machine_error *error)
{
        struct candidate *grown =
                reallocarray(starting->candidates, starting->count + 1, sizeof *grown);

        if (!grown) {
                machine_free(machine);
                return error_oom(error);
        }
        starting->candidates = grown;
        grown[starting->count++] = (struct candidate){
                .machine = machine,
                .progress = is_running(&starting->store, machine->name) ? READY : WAITING,
                .report = -EBADF,
        };
        return 0;
}

static int load(struct starting *starting, const char *argument,
                const struct cli_settings *settings, struct machine_error *error)
{
        struct machine *machine = NULL;
        int r = cli_load_definition(starting->cli, argument, settings, &machine, error);

        if (r == 0 && find(starting, machine->name)) {
                machine_free(machine);
                return 0;
        }
        if (r == 0) {
                r = cli_check_startable(machine, error);
        }
        if (r < 0) {
                machine_free(machine);
                return r;
        }
        return add(starting, machine, error);
}

/* Adds what those that are there require, until nothing is missing: each machine is added once, so
 * that it ends whatever the definitions say. */
static void load_requirements(struct starting *starting)
{
        static const struct cli_settings none = { 0 };

        for (size_t i = 0; i < starting->count; i++) {
                if (starting->candidates[i].progress != WAITING) {
                        continue;
                }
                STRV_FOREACH(name, starting->candidates[i].machine->life.requires) {
                        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                        int r = find(starting, *name) ? 0 : load(starting, *name, &none, &failure);

                        if (r < 0) {
                                error_prefix(&failure, "machine \"%s\" requires \"%s\"",
                                             starting->candidates[i].machine->name, *name);
                                starting->candidates[i].progress = FAILED;
                                fail(starting, &failure, r);
                                break;
                        }
                }
        }
}

/* What a machine still waits for: READY nothing, FAILED something that will not come. */
static enum progress look_at(const struct starting *starting, char *const *names, bool required)
{
        enum progress worst = READY;

        STRV_FOREACH(name, names) {
                const struct candidate *other = find(starting, *name);

                if (!other || other->progress == READY ||
                    (other->progress == FAILED && !required)) {
                        continue;
                }
                if (other->progress == FAILED) {
                        return FAILED;
                }
                worst = WAITING;
        }
        return worst;
}

static void begin(struct starting *starting, struct candidate *candidate)
{
        struct supervisor_options options = cli_supervisor_options(starting->cli);
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = supervise_detach(candidate->machine, &options, &candidate->report, &failure);

        candidate->progress = r < 0 ? FAILED : UNDER_WAY;
        if (r < 0) {
                fail(starting, &failure, r);
        }
}

static void give_up(struct starting *starting, struct candidate *candidate, const char *why)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = error_say(&failure, ECANCELED, "machine \"%s\" is not started: %s",
                          candidate->machine->name, why);

        candidate->progress = FAILED;
        fail(starting, &failure, r);
}

/* Begins all that waits for nothing. Whether anything changed. */
static bool begin_what_can(struct starting *starting)
{
        bool changed = false;

        for (size_t i = 0; i < starting->count; i++) {
                struct candidate *candidate = &starting->candidates[i];
                const struct machine_life *life = &candidate->machine->life;
                enum progress required;

                if (candidate->progress != WAITING) {
                        continue;
                }
                required = look_at(starting, life->requires, true);
                if (required == FAILED) {
                        give_up(starting, candidate, "one that it requires has failed");
                        changed = true;
                } else if (required == READY && look_at(starting, life->after, false) == READY) {
                        begin(starting, candidate);
                        changed = true;
                }
        }
        return changed;
}

static int show_line(const struct log_entry *entry, void *data)
{
        const struct cli *cli = data;

        log_notice(&cli->log, "  | %.*s", (int)entry->length, entry->text);
        return 0;
}

/* The cause is often in what the machine printed last. */
static void show_last_lines(struct starting *starting, const struct machine *machine)
{
        const struct log_reading reading = {
                .directory = starting->cli->directories.log,
                .machine = machine->name,
                .since = starting->begun,
                .last = LAST_LINES,
                .handler = show_line,
                .data = starting->cli,
        };

        if (journal_is_running()) {
                journal_sync();
        }
        (void)log_read_any(&reading, NULL);
}

static void await(struct starting *starting, struct candidate *candidate)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = supervise_await(candidate->report, candidate->machine->name, &failure);

        candidate->report = fd_close(candidate->report);
        candidate->progress = r < 0 ? FAILED : READY;
        if (r < 0) {
                /* Without a step it had begun to run. */
                if (!failure.step) {
                        show_last_lines(starting, candidate->machine);
                }
                fail(starting, &failure, r);
        }
}

static void start_in_order(struct starting *starting)
{
        while (begin_what_can(starting)) {
                for (size_t i = 0; i < starting->count; i++) {
                        if (starting->candidates[i].progress == UNDER_WAY) {
                                await(starting, &starting->candidates[i]);
                        }
                }
        }
        for (size_t i = 0; i < starting->count; i++) {
                if (starting->candidates[i].progress == WAITING) {
                        give_up(starting, &starting->candidates[i],
                                "it waits for itself, by what requires and after say");
                }
        }
}

/* ---- units ---- */

/* The service manager starts what it can find by itself: a name in the usual directories, as its
 * file says. */
static bool belongs_in_unit(const struct cli *cli, const char *argument,
                            const struct cli_settings *settings)
{
        return settings->count == 0 && !strchr(argument, '/') && strcmp(argument, "-") != 0 &&
               !string_ends_with(argument, ".machine") && cli->directories.usual &&
               systemd_is_booted() && systemd_has_machine_unit();
}

static void start_units(struct starting *starting, char *const *units)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = units ? systemd_control("start", units, &failure) : 0;

        if (r < 0) {
                fail(starting, &failure, r);
        }
}

static void sort_arguments(struct starting *starting, char *const *arguments,
                           const struct cli_settings *settings, char ***units)
{
        if (!arguments) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                int r = load(starting, NULL, settings, &failure);

                if (r < 0) {
                        fail(starting, &failure, r);
                }
        }
        STRV_FOREACH(argument, arguments) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                int r;

                if (belongs_in_unit(starting->cli, *argument, settings)) {
                        r = strv_take(units, systemd_unit_of(*argument));
                } else {
                        r = load(starting, *argument, settings, &failure);
                }
                if (r < 0) {
                        fail(starting, &failure, r);
                }
        }
}

int cli_start_machines(struct cli *cli, char *const *arguments, const struct cli_settings *settings,
                       struct machine_error *error)
{
        struct starting starting = {
                .cli = cli,
                .store = STATE_STORE_INIT,
                .begun = clock_realtime(),
                .error = error,
        };
        _cleanup_strv_ char **units = NULL;
        int r = cli_open_store(cli, &starting.store, error);

        if (r < 0) {
                return r;
        }
        sort_arguments(&starting, arguments, settings, &units);
        load_requirements(&starting);
        start_units(&starting, units);
        start_in_order(&starting);
        for (size_t i = 0; i < starting.count; i++) {
                if (starting.candidates[i].progress == READY) {
                        cli_print_made_name(starting.candidates[i].machine);
                }
                machine_free(starting.candidates[i].machine);
        }
        free(starting.candidates);
        state_store_close(&starting.store);
        return starting.result;
}

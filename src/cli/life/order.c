/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/strings.h"
#include "cli/life/candidates.h"
#include "cli/life/start.h"
#include "cli/life/wait.h"
#include "cli/output/payload.h"
#include "supervise/output/log_reader.h"
#include "systemd/journal.h"

/* Number of log lines shown when a start fails. */
#define LAST_LINES 10

#define STARTS_PER_PROCESSOR 8

/* Returns READY if all names are ready, FAILED if a required one has failed, and else WAITING. */
static enum progress look_at(const struct candidates *candidates, char *const *names, bool required)
{
        enum progress worst = READY;

        STRV_FOREACH(name, names) {
                const struct candidate *other = candidates_find(candidates, *name);

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

static void fail(struct candidate *candidate, struct machine_error *failure, int r)
{
        candidate->progress = FAILED;
        candidate->result = r;
        error_move(&candidate->failure, failure);
}

static void begin(struct candidates *candidates, struct candidate *candidate)
{
        struct supervisor_options options = cli_supervisor_options(candidates->cli);
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = supervise_detach(candidate->machine, &options, &candidate->report, &failure);

        candidate->progress = UNDER_WAY;
        candidate->running = false;
        if (r < 0) {
                fail(candidate, &failure, r);
        }
}

static void give_up(struct candidate *candidate, const char *why)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = error_say(&failure, ECANCELED, "machine \"%s\" is not started: %s",
                          candidate->machine->name, why);

        fail(candidate, &failure, r);
}

/* How many starts may still begin. A start is mostly work of this host, so that more of them than
 * it has processors for only wait for each other's locks; what a running payload does until it is
 * ready is its own affair. */
static size_t count_free(const struct candidates *candidates)
{
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        size_t maximum = STARTS_PER_PROCESSOR * (processors > 0 ? (size_t)processors : 1);
        size_t busy = 0;

        for (size_t i = 0; i < candidates->count; i++) {
                busy += candidates->items[i].progress == UNDER_WAY && !candidates->items[i].running;
        }
        return busy < maximum ? maximum - busy : 0;
}

/* Starts candidates that need not wait, and gives up those that need not be waited for. Returns
 * whether anything changed. */
static bool begin_what_can(struct candidates *candidates)
{
        size_t left = count_free(candidates);
        bool changed = false;

        for (size_t i = 0; i < candidates->count; i++) {
                struct candidate *candidate = &candidates->items[i];
                const struct machine_life *life = &candidate->machine->life;
                enum progress required;

                if (candidate->progress != WAITING) {
                        continue;
                }
                required = look_at(candidates, candidate->requires, true);
                if (required == FAILED) {
                        give_up(candidate, "a required machine has failed");
                        changed = true;
                } else if (left > 0 && required == READY &&
                           look_at(candidates, life->after, false) == READY) {
                        begin(candidates, candidate);
                        left--;
                        changed = true;
                }
        }
        return changed;
}

static int print_log_line(const struct log_entry *entry, void *data)
{
        const struct cli *cli = data;

        _cleanup_free_ char *text = isatty(cli->log.fd)
                                            ? payload_for_terminal(entry->text, entry->length)
                                            : strndup(entry->text, entry->length);

        if (text && cli->log.level >= LOG_LEVEL_NOTICE) {
                dprintf(cli->log.fd, "  | %s\n", text);
        }
        return text ? 0 : -ENOMEM;
}

/* The last output often shows the cause of a failure. */
static void show_last_lines(const struct candidates *candidates, const struct machine *machine,
                            uint64_t begun)
{
        const struct log_reading reading = {
                .directory = candidates->cli->directories.log,
                .machine = machine->name,
                .since = begun,
                .last = LAST_LINES,
                .handler = print_log_line,
                .data = candidates->cli,
        };

        if (journal_is_running()) {
                journal_sync();
        }
        (void)log_read_any(&reading, NULL);
}

/* Prints the failures of candidates of which all earlier ones are done. */
static void report_failures(struct candidates *candidates, uint64_t begun)
{
        while (candidates->reported < candidates->count) {
                struct candidate *candidate = &candidates->items[candidates->reported];

                if (candidate->progress == WAITING || candidate->progress == UNDER_WAY) {
                        return;
                }
                candidates->reported++;
                if (candidate->result == 0) {
                        continue;
                }
                /* Failures without a step happened after the payload was started. */
                if (!candidate->failure.step && candidate->result != -ECANCELED) {
                        show_last_lines(candidates, candidate->machine, begun);
                }
                candidates_fail(candidates, &candidate->failure, candidate->result);
        }
}

/* Another supervisor has the machine: it is either starting it, and we wait for that start, or
 * stopping it, and we start it afterwards. */
static void wait_for_other(struct candidates *candidates, struct candidate *candidate)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = cli_wait_until_ready(&candidates->store, candidate->machine->name, &failure);

        if (r == 0) {
                begin(candidates, candidate);
        } else if (r < 0) {
                fail(candidate, &failure, r);
        } else {
                candidate->progress = READY;
        }
}

/* Handles what a supervisor reports. */
static void take_report(struct candidates *candidates, struct candidate *candidate)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = supervise_await(candidate->report, candidate->machine->name, &candidates->cli->log,
                                &failure);

        if (r > 0) {
                candidate->running = true;
                return;
        }
        candidate->report = fd_close(candidate->report);
        if (r == -EALREADY && string_equal(failure.step, "state")) {
                wait_for_other(candidates, candidate);
        } else if (r < 0) {
                fail(candidate, &failure, r);
        } else {
                candidate->progress = READY;
        }
}

/* Waits for one of the supervisors to report. Returns whether there are any. */
static bool wait_for_report(struct candidates *candidates, struct pollfd *polled)
{
        nfds_t count = 0;

        for (size_t i = 0; i < candidates->count; i++) {
                if (candidates->items[i].progress == UNDER_WAY) {
                        polled[count++] = (struct pollfd){ .fd = candidates->items[i].report,
                                                           .events = POLLIN };
                }
        }
        if (count == 0) {
                return false;
        }
        while (poll(polled, count, -1) < 0 && errno == EINTR) {
        }
        count = 0;
        for (size_t i = 0; i < candidates->count; i++) {
                struct candidate *candidate = &candidates->items[i];

                if (candidate->progress == UNDER_WAY && polled[count++].revents) {
                        take_report(candidates, candidate);
                }
        }
        return true;
}

void candidates_start(struct candidates *candidates)
{
        _cleanup_free_ struct pollfd *polled = calloc(candidates->count + 1, sizeof(*polled));
        uint64_t begun = clock_realtime();
        bool more = polled != NULL;

        if (!polled) {
                (void)error_oom(candidates->error);
                candidates->result = -ENOMEM;
        }
        while (more) {
                more = begin_what_can(candidates);
                more = wait_for_report(candidates, polled) || more;
                report_failures(candidates, begun);
        }
        for (size_t i = 0; polled && i < candidates->count; i++) {
                if (candidates->items[i].progress == WAITING) {
                        give_up(&candidates->items[i], "\"requires\" and \"after\" form a cycle");
                }
        }
        report_failures(candidates, begun);
}

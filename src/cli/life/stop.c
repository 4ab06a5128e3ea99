/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/life/stop.h"

#include <errno.h>
#include <poll.h>

#include "base/error.h"
#include "base/strings.h"
#include "state/dependents.h"
#include "supervise/request.h"
#include "systemd/manager.h"

/* Machines that stop at a time. Each needs a descriptor, of which a process may have 1,024 by
 * default, and most of them only wait for their payloads. */
#define STOPS_MAXIMUM 512

enum progress {
        WAITING,
        UNDER_WAY,
        DONE,
};

struct candidate {
        const char *name;
        struct machine_record record;
        enum progress progress;
        int supervisor; /* pidfd */
};

/* All machines of one command, each once. */
struct stopping {
        struct cli *cli;
        const struct state_store *store;
        struct candidate *candidates;
        struct pollfd *polled; /* room for all of them */
        size_t count;
        bool now;
        char **failed;
        int result;
        struct machine_error *error; /* the last one; earlier ones have been printed */
};

static void fail(struct stopping *stopping, struct candidate *candidate,
                 struct machine_error *failure, int r)
{
        candidate->progress = DONE;
        (void)strv_append(&stopping->failed, candidate->name);
        log_replace_failure(&stopping->cli->log, &stopping->result, stopping->error, r, failure);
}

static void add(struct stopping *stopping, const char *name)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        struct candidate *candidate = &stopping->candidates[stopping->count];
        int r;

        for (size_t i = 0; i < stopping->count; i++) {
                if (strcmp(stopping->candidates[i].name, name) == 0) {
                        return;
                }
        }
        *candidate = (struct candidate){ .name = name, .supervisor = -EBADF };
        stopping->count++;
        r = cli_find_machine(stopping->store, name, &candidate->record, &failure);
        /* A machine that is defined but has no record, because records do not survive a reboot, is
         * stopped. */
        if (r < 0 && (r != -ENOENT || !cli_has_definition(stopping->cli, name))) {
                fail(stopping, candidate, &failure, r);
        } else if (r < 0 || !machine_state_is_live(candidate->record.state)) {
                candidate->progress = DONE;
        }
}

static int ask(struct stopping *stopping, struct candidate *candidate, struct machine_error *error)
{
        int r = process_open(&candidate->record.supervisor);

        if (r == -ESRCH) {
                candidate->progress = DONE;
                return 0;
        }
        candidate->supervisor = r;
        r = r < 0 ? r : request_stop(candidate->supervisor, stopping->now);
        if (r < 0) {
                return error_set(error, r, "cannot stop machine \"%s\"", candidate->name);
        }
        candidate->progress = UNDER_WAY;
        return 0;
}

/* Returns whether a machine that requires this one has not stopped yet. stop_in_order() breaks
 * cycles. */
static bool is_required(const struct stopping *stopping, const struct candidate *candidate)
{
        for (size_t i = 0; i < stopping->count; i++) {
                const struct candidate *other = &stopping->candidates[i];

                if (other != candidate && other->progress != DONE &&
                    strv_contains(other->record.requires, candidate->name)) {
                        return true;
                }
        }
        return false;
}

/* Stops all units with one request, because the service manager knows their order. */
static void stop_units(struct stopping *stopping, char *const *units)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = systemd_control("stop", units, &failure);

        for (size_t i = 0; i < stopping->count; i++) {
                struct candidate *candidate = &stopping->candidates[i];

                if (candidate->progress != WAITING || !candidate->record.unit) {
                        continue;
                }
                candidate->progress = DONE;
                if (r < 0) {
                        (void)strv_append(&stopping->failed, candidate->name);
                }
        }
        if (r < 0) {
                log_replace_failure(&stopping->cli->log, &stopping->result, stopping->error, r,
                                    &failure);
        }
}

/* How many more machines can be watched. */
static size_t count_free(const struct stopping *stopping)
{
        size_t busy = 0;

        for (size_t i = 0; i < stopping->count; i++) {
                busy += stopping->candidates[i].progress == UNDER_WAY;
        }
        return busy < STOPS_MAXIMUM ? STOPS_MAXIMUM - busy : 0;
}

/* Asks all waiting machines to stop that no other one requires, or, with `anyway`, the first of
 * them. */
static void begin_what_can(struct stopping *stopping, bool anyway)
{
        size_t left = count_free(stopping);

        for (size_t i = 0; i < stopping->count && left > 0; i++) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                struct candidate *candidate = &stopping->candidates[i];
                int r;

                if (candidate->progress != WAITING ||
                    (!anyway && is_required(stopping, candidate))) {
                        continue;
                }
                left--;
                r = ask(stopping, candidate, &failure);
                if (r < 0) {
                        fail(stopping, candidate, &failure, r);
                }
                if (anyway) {
                        break;
                }
        }
}

/* Waits until one of the machines being stopped has ended. Returns 1, 0 if there are none, or
 * -errno.
 */
static int wait_for_one(struct stopping *stopping)
{
        size_t n = 0;

        for (size_t i = 0; i < stopping->count; i++) {
                if (stopping->candidates[i].progress == UNDER_WAY) {
                        stopping->polled[n++] = (struct pollfd){
                                .fd = stopping->candidates[i].supervisor,
                                .events = POLLIN,
                        };
                }
        }
        if (n == 0) {
                return 0;
        }
        while (poll(stopping->polled, n, -1) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        n = 0;
        for (size_t i = 0; i < stopping->count; i++) {
                struct candidate *candidate = &stopping->candidates[i];

                if (candidate->progress == UNDER_WAY && stopping->polled[n++].revents) {
                        candidate->progress = DONE;
                        /* Do not keep a descriptor for each machine until the end. */
                        candidate->supervisor = fd_close(candidate->supervisor);
                }
        }
        return 1;
}

static void give_up_waiting(struct stopping *stopping, int r)
{
        for (size_t i = 0; i < stopping->count; i++) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                struct candidate *candidate = &stopping->candidates[i];

                if (candidate->progress == UNDER_WAY) {
                        error_set(&failure, r, "cannot wait for machine \"%s\"", candidate->name);
                        fail(stopping, candidate, &failure, r);
                }
        }
}

static bool are_done(const struct stopping *stopping)
{
        for (size_t i = 0; i < stopping->count; i++) {
                if (stopping->candidates[i].progress != DONE) {
                        return false;
                }
        }
        return true;
}

static void stop_in_order(struct stopping *stopping)
{
        _cleanup_strv_ char **units = NULL;

        for (size_t i = 0; i < stopping->count && !stopping->now; i++) {
                if (stopping->candidates[i].progress == WAITING &&
                    stopping->candidates[i].record.unit) {
                        (void)strv_append(&units, stopping->candidates[i].record.unit);
                }
        }
        if (units) {
                stop_units(stopping, units);
        }
        while (!are_done(stopping)) {
                int r;

                begin_what_can(stopping, false);
                r = wait_for_one(stopping);
                if (r < 0) {
                        give_up_waiting(stopping, r);
                } else if (r == 0) {
                        /* They require each other, so any order will do. */
                        begin_what_can(stopping, true);
                }
        }
}

int cli_stop_machines(struct cli *cli, const struct state_store *store, char *const *names,
                      bool now, char ***ret_failed, struct machine_error *error)
{
        struct stopping stopping = { .cli = cli, .store = store, .now = now, .error = error };

        stopping.candidates = calloc(strv_length(names) + 1, sizeof *stopping.candidates);
        stopping.polled = calloc(strv_length(names) + 1, sizeof *stopping.polled);
        if (!stopping.candidates || !stopping.polled) {
                free(stopping.candidates);
                free(stopping.polled);
                return error_oom(error);
        }
        STRV_FOREACH(name, names) {
                add(&stopping, *name);
        }
        stop_in_order(&stopping);
        for (size_t i = 0; i < stopping.count; i++) {
                machine_record_clear(&stopping.candidates[i].record);
                fd_close(stopping.candidates[i].supervisor);
        }
        free(stopping.candidates);
        free(stopping.polled);
        if (ret_failed) {
                *ret_failed = TAKE_PTR(stopping.failed);
        }
        strv_free(stopping.failed);
        return stopping.result;
}

/* Adds the machines that run and require one, which are not in the list yet. */
static int add_dependents_of(struct cli *cli, const struct state_store *store, const char *required,
                             char ***names)
{
        _cleanup_strv_ char **dependents = NULL;
        int r = dependents_list(store->directory_fd, required, &dependents);

        STRV_FOREACH(name, dependents) {
                _cleanup_record_ struct machine_record record = { 0 };

                if (strv_contains(*names, *name) || state_query(store, *name, &record, NULL) < 0 ||
                    !machine_state_is_live(record.state) ||
                    !strv_contains(record.requires, required)) {
                        continue;
                }
                log_notice(&cli->log, "machine \"%s\" requires \"%s\" and is stopped before it",
                           *name, required);
                if (strv_append(names, *name) < 0) {
                        return -ENOMEM;
                }
        }
        return r;
}

int cli_add_dependents(struct cli *cli, const struct state_store *store, char ***names,
                       struct machine_error *error)
{
        /* The list grows on the way. */
        for (size_t i = 0; *names && (*names)[i]; i++) {
                _cleanup_free_ char *name = strdup((*names)[i]);
                int r = name ? add_dependents_of(cli, store, name, names) : -ENOMEM;

                if (r < 0) {
                        return error_set(error, r, "cannot find the machines that require \"%s\"",
                                         name ? name : "");
                }
        }
        return 0;
}

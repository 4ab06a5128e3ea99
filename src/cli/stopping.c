/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/stopping.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/strings.h"
#include "systemd/manager.h"

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
        struct machine_error *error; /* the last one; those before are printed */
};

static void fail(struct stopping *stopping, struct candidate *candidate,
                 struct machine_error *failure, int r)
{
        candidate->progress = DONE;
        (void)strv_append(&stopping->failed, candidate->name);
        if (stopping->result < 0) {
                log_error(&stopping->cli->log, stopping->error);
        }
        error_move(stopping->error, failure);
        stopping->result = r;
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
        /* Nothing is known since the host has booted, with which records go, of what is defined all
         * the same: it is stopped. */
        if (r < 0 && (r != -ENOENT || !cli_has_definition(stopping->cli, name))) {
                fail(stopping, candidate, &failure, r);
        } else if (r < 0 || !machine_state_is_live(candidate->record.state)) {
                candidate->progress = DONE;
        }
}

/* Two requests are two different signals: a second one of a kind that is still pending is lost
 * (signal(7)). */
static int ask(struct stopping *stopping, struct candidate *candidate, struct machine_error *error)
{
        static const int signals[] = { SIGTERM, SIGINT };
        size_t count = stopping->now ? 2 : 1;

        candidate->supervisor = process_open(&candidate->record.supervisor);
        if (candidate->supervisor == -ESRCH) {
                candidate->progress = DONE;
                return 0;
        }
        for (size_t i = 0; candidate->supervisor >= 0 && i < count; i++) {
                if (syscall(SYS_pidfd_send_signal, candidate->supervisor, signals[i], NULL, 0) <
                            0 &&
                    errno != ESRCH) {
                        return error_set(error, errno, "cannot stop machine \"%s\"",
                                         candidate->name);
                }
        }
        if (candidate->supervisor < 0) {
                return error_set(error, candidate->supervisor, "cannot stop machine \"%s\"",
                                 candidate->name);
        }
        /* One that was suspended, as Ctrl-Z does to `run`, would never come to read them. */
        (void)syscall(SYS_pidfd_send_signal, candidate->supervisor, SIGCONT, NULL, 0);
        candidate->progress = UNDER_WAY;
        return 0;
}

/* Whether one that requires this machine has not stopped yet. Who requires itself, also by way of
 * others, waits for nobody in the end: see stop_in_order(). */
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

/* The service manager is asked for all of its own at once: it knows their order itself. */
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
                if (stopping->result < 0) {
                        log_error(&stopping->cli->log, stopping->error);
                }
                error_move(stopping->error, &failure);
                stopping->result = r;
        }
}

/* Asks all that nobody requires any more, or with `anyway` the first that waits. */
static void begin_what_can(struct stopping *stopping, bool anyway)
{
        for (size_t i = 0; i < stopping->count; i++) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                struct candidate *candidate = &stopping->candidates[i];
                int r;

                if (candidate->progress != WAITING ||
                    (!anyway && is_required(stopping, candidate))) {
                        continue;
                }
                r = ask(stopping, candidate, &failure);
                if (r < 0) {
                        fail(stopping, candidate, &failure, r);
                }
                if (anyway) {
                        break;
                }
        }
}

/* Waits until one of those under way has ended. 1, 0 where none is under way, or -errno. */
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
                        /* A thousand machines need no thousand descriptors at the end. */
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
                        /* They require each other: any order will do. */
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

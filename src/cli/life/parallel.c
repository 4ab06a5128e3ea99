/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/life/parallel.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "launch/init/message.h"

/* At a time, for each processor. Most of the work waits for a disk, or for a lock. */
#define PER_PROCESSOR 4

/* What is done to one machine. */
struct work {
        const char *name;
        pid_t pid;
        int report; /* from the process, while it runs */
        int notes;  /* a file with what it printed, while that is not printed */
        bool done;
        int result;
        struct machine_error failure;
};

struct works {
        struct cli *cli;
        const struct state_store *store;
        int (*act)(struct cli *cli, const struct state_store *store, const char *name, void *data,
                   struct machine_error *error);
        void *data;
        struct work *items;
        size_t count;
        size_t begun;
        size_t running;
        size_t printed;
        int result;
        struct machine_error *error; /* the last one; earlier ones have been printed */
};

static size_t maximum(void)
{
        long processors = sysconf(_SC_NPROCESSORS_ONLN);

        return PER_PROCESSOR * (processors > 0 ? (size_t)processors : 1);
}

static _Noreturn void run(const struct works *works, const struct work *work, int report)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        struct cli own = *works->cli;
        int r;

        own.log.fd = work->notes;
        r = works->act(&own, works->store, work->name, works->data, &failure);
        if (r < 0) {
                (void)message_send_error(report, &failure);
        } else {
                (void)message_send(report, MESSAGE_READY);
        }
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void fail(struct work *work, int r)
{
        work->done = true;
        work->result = error_set(&work->failure, r, "cannot start a process for machine \"%s\"",
                                 work->name);
}

static void begin(struct works *works)
{
        struct work *work = &works->items[works->begun++];
        int ends[2];
        int r;

        work->notes = memfd_create("notes", MFD_CLOEXEC);
        r = work->notes < 0 ? -errno : message_socket_pair(ends);
        if (r < 0) {
                fail(work, r);
                return;
        }
        work->pid = process_fork(0, NULL);
        if (work->pid == 0) {
                run(works, work, ends[1]);
        }
        fd_close(ends[1]);
        work->report = ends[0];
        if (work->pid < 0) {
                fail(work, (int)work->pid);
                return;
        }
        works->running++;
}

static void take_result(struct works *works, struct work *work)
{
        struct message message;
        int r = message_receive(work->report, &message);

        if (r <= 0) {
                work->result =
                        error_say(&work->failure, ECHILD,
                                  "the process for machine \"%s\" died unexpectedly", work->name);
        } else if (message.type == MESSAGE_ERROR) {
                error_move(&work->failure, &message.error);
                work->result = work->failure.number ? -work->failure.number : -ECHILD;
        }
        work->report = fd_close(work->report);
        /* Those that have printed nothing need no descriptor until their turn. */
        if (lseek(work->notes, 0, SEEK_END) == 0) {
                work->notes = fd_close(work->notes);
        }
        (void)process_wait(work->pid);
        work->done = true;
        works->running--;
}

static void wait_for_results(struct works *works, struct pollfd *polled)
{
        nfds_t count = 0;

        for (size_t i = works->printed; i < works->begun; i++) {
                if (!works->items[i].done) {
                        polled[count++] =
                                (struct pollfd){ .fd = works->items[i].report, .events = POLLIN };
                }
        }
        while (poll(polled, count, -1) < 0 && errno == EINTR) {
        }
        count = 0;
        for (size_t i = works->printed; i < works->begun; i++) {
                if (!works->items[i].done && polled[count++].revents) {
                        take_result(works, &works->items[i]);
                }
        }
}

/* The last failure is printed by main(). */
static void print_results(struct works *works)
{
        for (; works->printed < works->begun && works->items[works->printed].done;
             works->printed++) {
                struct work *work = &works->items[works->printed];

                if (work->notes >= 0 && lseek(work->notes, 0, SEEK_SET) == 0) {
                        (void)file_copy(work->notes, works->cli->log.fd);
                }
                work->notes = fd_close(work->notes);
                if (work->result != 0) {
                        log_replace_failure(&works->cli->log, &works->result, works->error,
                                            work->result, &work->failure);
                }
        }
}

static int work_through(struct works *works, char *const *names)
{
        _cleanup_free_ struct work *items = calloc(strv_length(names), sizeof(*items));
        _cleanup_free_ struct pollfd *polled = calloc(maximum(), sizeof(*polled));

        if (!items || !polled) {
                return error_oom(works->error);
        }
        works->items = items;
        STRV_FOREACH(name, names) {
                items[works->count++] =
                        (struct work){ .name = *name, .report = -EBADF, .notes = -EBADF };
        }
        while (works->printed < works->count) {
                while (works->begun < works->count && works->running < maximum()) {
                        begin(works);
                }
                if (works->running > 0) {
                        wait_for_results(works, polled);
                }
                print_results(works);
        }
        return works->result;
}

int cli_for_each_machine_in_parallel(struct cli *cli, const struct verb *verb,
                                     char *const *arguments, const struct cli_selection *selection,
                                     int (*act)(struct cli *cli, const struct state_store *store,
                                                const char *name, void *data,
                                                struct machine_error *error),
                                     void *data, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        struct works works = {
                .cli = cli, .store = &store, .act = act, .data = data, .error = error
        };
        int r = cli_choose_machines(cli, verb, arguments, selection, &store, &names, error);

        if (r < 0 || !names) {
                return r;
        }
        return names[1] ? work_through(&works, names) : act(cli, &store, names[0], data, error);
}

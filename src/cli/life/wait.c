/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waits for a supervisor to exit or to get its machine ready. */

#include "cli/life/wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>

#include "base/error.h"
#include "cli/machines/machines.h"

/* Waits until the supervisor exits or the notifier, unless negative, has an event. Returns 0 or
 * -errno. */
static int wait_for_news(int supervisor, int notifier)
{
        struct pollfd news[] = {
                { .fd = supervisor, .events = POLLIN },
                { .fd = notifier, .events = POLLIN },
        };
        char events[4096];

        while (poll(news, ELEMENTS_OF(news), -1) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        while (notifier >= 0 && read(notifier, events, sizeof events) > 0) {
        }
        return 0;
}

int cli_wait_for_end(const struct machine_record *record, struct machine_error *error)
{
        _cleanup_close_ int supervisor = process_open(&record->supervisor);
        int r;

        if (supervisor == -ESRCH) {
                return 0;
        }
        if (supervisor < 0) {
                return error_set(error, supervisor, "cannot watch the supervisor of \"%s\"",
                                 record->name);
        }
        r = wait_for_news(supervisor, -EBADF);
        return r < 0 ? error_set(error, r, "cannot wait for machine \"%s\"", record->name) : 0;
}

/* Reads the state of a start from the record. Returns 1 if it is done, 0 if it has ended otherwise,
 * -EAGAIN with *ret_supervisor set if it is in progress, or another -errno. */
static int look_at_start(const struct state_store *store, const char *name, int *ret_supervisor,
                         struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_query(store, name, &record, error);

        if (r < 0) {
                return r == -ENOENT ? 0 : r;
        }
        switch (record.state) {
        case MACHINE_STATE_PAUSED:
                return cli_refuse_paused(&record, error);
        case MACHINE_STATE_RUNNING:
                if (!record.awaits_readiness) {
                        return 1;
                }
                break;
        case MACHINE_STATE_STARTING:
        case MACHINE_STATE_STOPPING:
                break;
        default:
                return 0;
        }
        *ret_supervisor = process_open(&record.supervisor);
        if (*ret_supervisor >= 0) {
                return -EAGAIN;
        }
        return *ret_supervisor == -ESRCH ? 0
                                         : error_set(error, *ret_supervisor,
                                                     "cannot watch the supervisor of \"%s\"", name);
}

int cli_wait_until_ready(const struct state_store *store, const char *name,
                         struct machine_error *error)
{
        /* Records are replaced by rename, so each change is an event in the directory. */
        _cleanup_close_ int notifier = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        int r;

        if (notifier < 0 || inotify_add_watch(notifier, store->path, IN_MOVED_TO | IN_DELETE) < 0) {
                return error_set(error, errno, "cannot watch %s", store->path);
        }
        do {
                _cleanup_close_ int supervisor = -EBADF;

                r = look_at_start(store, name, &supervisor, error);
                if (r != -EAGAIN) {
                        return r;
                }
                r = wait_for_news(supervisor, notifier);
        } while (r == 0);
        return error_set(error, r, "cannot wait for machine \"%s\"", name);
}

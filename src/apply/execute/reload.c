/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/execute/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include "base/process/process.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "launch/enter/enter.h"
#include "launch/enter/remount.h"

/* How long the command of a reload may take. */
#define RELOAD_TIMEOUT (30 * USEC_PER_SEC)

static int mount_files(const struct plan_item *item, const struct machine_record *record, int init,
                       struct machine_error *error)
{
        const struct machine *machine = item->machine;

        for (size_t i = 0; i < machine->mount_count; i++) {
                int r = strv_contains(item->mounts, machine->mounts[i].target)
                                ? launch_mount_over(record, init, &machine->mounts[i], error)
                                : 0;

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int wait_for_command(struct entered *entered, struct machine_error *error)
{
        const uint64_t deadline = log_now() + RELOAD_TIMEOUT;

        while (!entered->ended) {
                struct pollfd news = { .fd = entered->socket, .events = POLLIN };
                uint64_t now = log_now();
                int r = now < deadline ? poll(&news, 1, (int)((deadline - now) / 1000) + 1) : 0;

                if (r == 0) {
                        return error_say(error, ETIMEDOUT,
                                         "the command took longer than 30 seconds");
                }
                r = r < 0 ? (errno == EINTR ? 0 : -errno) : launch_entered_next(entered, error);
                if (r < 0) {
                        return r;
                }
        }
        return entered->status == 0
                       ? 0
                       : error_say(error, EIO, "the command ended with status %d", entered->status);
}

static int run_command(const struct tasks *tasks, const struct plan_item *item,
                       const struct machine_record *record, int init, struct machine_error *error)
{
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        const struct enter_request request = {
                .store = tasks->request->machines,
                .record = record,
                .init = init,
                .command = item->machine->apply.reload_command,
                .streams = { null, null, null },
        };
        struct entered entered = ENTERED_INIT;
        int r = launch_enter(&request, &entered, error);

        r = r < 0 ? r : wait_for_command(&entered, error);
        (void)launch_leave(&entered);
        return r;
}

int task_reload(const struct tasks *tasks, const struct plan_item *item,
                const struct machine_record *record, struct machine_error *error)
{
        const struct machine_apply *apply = &item->machine->apply;
        _cleanup_close_ int init = process_open(&record->init);
        int r = init < 0 ? error_set(error, init, "cannot reach the first process")
                         : mount_files(item, record, init, error);

        if (r == 0 && apply->reload_command) {
                r = run_command(tasks, item, record, init, error);
        }
        if (r == 0 && apply->reload_signal &&
            syscall(SYS_pidfd_send_signal, init, apply->reload_signal, NULL, 0) < 0) {
                r = error_set(error, errno, "cannot send the signal");
        }
        if (r < 0) {
                error_prefix(error, "cannot reload machine \"%s\"", item->name);
        }
        return r;
}

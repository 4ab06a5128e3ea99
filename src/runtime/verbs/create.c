/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "runtime/common/life.h"
#include "runtime/common/notify.h"
#include "supervise/foreground.h"

#define OPTIONS                                                                        \
        (ARGUMENT_BIT(ARGUMENT_BUNDLE) | ARGUMENT_BIT(ARGUMENT_PID_FILE) |             \
         ARGUMENT_BIT(ARGUMENT_CONSOLE_SOCKET) | ARGUMENT_BIT(ARGUMENT_PIDFD_SOCKET) | \
         ARGUMENT_BIT(ARGUMENT_PRESERVE_FDS) | ARGUMENT_BIT(ARGUMENT_NO_PIVOT) |       \
         ARGUMENT_BIT(ARGUMENT_NO_NEW_KEYRING))

static int run_create(const struct runtime *runtime, const struct arguments *arguments,
                      struct machine_error *error)
{
        return life_create(runtime, arguments, NULL, error);
}

const struct verb verb_create = {
        .name = "create",
        .arguments = "ID",
        .summary = "Create a container from a bundle; its program waits for `start`",
        .options = OPTIONS,
        .minimum = 1,
        .maximum = 1,
        .run = run_create,
};

/* Waits for the process, a child of this one. Its exit status, or -errno. */
static int follow(const struct created *created, int notify, struct machine_error *error)
{
        const struct foreground_watch watch = { .fd = notify, .readable = notify_pass_on };
        siginfo_t info = { 0 };
        int r = foreground_attend(created->pidfd, created->terminal, &watch, error);

        if (r < 0) {
                return r;
        }
        if (notify >= 0) {
                notify_end(notify);
        }
        while (waitid(P_PIDFD, (id_t)created->pidfd, &info, WEXITED) < 0) {
                if (errno != EINTR) {
                        return error_set(error, errno, "cannot wait for the container's process");
                }
        }
        return process_exit_status(info.si_code, info.si_status);
}

/* The first process and its end, unless others wait for that. */
static int attend(const struct runtime *runtime, const struct arguments *arguments,
                  const struct created *created, int notify, struct machine_error *error)
{
        int status = follow(created, notify, error);
        int r = arguments_has(arguments, ARGUMENT_KEEP)
                        ? 0
                        : life_delete(runtime, arguments->rest[0], status < 0, error);

        /* Somebody else has deleted it. */
        if (r == -ENOENT && status >= 0) {
                machine_error_clear(error);
                return status;
        }
        return r < 0 ? r : status;
}

static int run_run(const struct runtime *runtime, const struct arguments *arguments,
                   struct machine_error *error)
{
        const char *id = arguments->rest[0];
        bool detach = arguments_has(arguments, ARGUMENT_DETACH);
        struct created created = { .pidfd = -EBADF, .terminal = -EBADF };
        _cleanup_close_ int notify = -EBADF;
        sigset_t signals;
        int r;

        if (!detach) {
                foreground_block_signals(&signals);
        }
        r = life_create(runtime, arguments, &created, error);
        if (r == 0 && !created.started) {
                r = life_start(runtime, id, detach ? NULL : &notify, error);
        }
        if (r < 0 && created.pidfd >= 0) {
                (void)life_delete(runtime, id, true, NULL);
        }
        if (r == 0 && !detach) {
                r = attend(runtime, arguments, &created, notify, error);
        }
        fd_close(created.pidfd);
        fd_close(created.terminal);
        return r;
}

const struct verb verb_run = {
        .name = "run",
        .arguments = "ID",
        .summary = "Create and start a container, wait for its end and delete it",
        .options = OPTIONS | ARGUMENT_BIT(ARGUMENT_DETACH) | ARGUMENT_BIT(ARGUMENT_KEEP) |
                   ARGUMENT_BIT(ARGUMENT_NO_SUBREAPER),
        .minimum = 1,
        .maximum = 1,
        .run = run_run,
};

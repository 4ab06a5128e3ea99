/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parent's side of a start's last steps: what the first process says. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "launch/context.h"
#include "launch/init/message.h"
#include "launch/init/plan.h"
#include "launch/steps.h"

static int first_process_died(struct launch *launch, struct machine_error *error)
{
        int status = launch_reap(launch);
        int r = error_say(error, ECHILD,
                          "the machine's first process ended (status %d) before the program was "
                          "started, without an error message",
                          status);

        if (status == 128 + SIGKILL) {
                error_hint(error,
                           "it was killed, possibly because memory ran out (see the kernel's log)");
        }
        return r;
}

/* The plan is kept next to the record while the machine runs: programs that join the machine run
 * with the privileges and the environment that its payload was given, even if the definition has
 * changed since. The environment may contain secrets. */
static int keep_plan(struct launch *launch, int fd, struct machine_error *error)
{
        struct stat status;
        void *plan;
        int r;

        /* Mapped, not read: the child's machine-init reads the same open file from its position. */
        if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= 0 ||
            status.st_size > (off_t)PLAN_MAXIMUM) {
                return error_say(error, EBADMSG, "the machine's first process sent no plan");
        }
        plan = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (plan == MAP_FAILED) {
                return error_set(error, errno, "cannot map the plan of the payload");
        }
        r = state_save_plan(&launch->store, launch->record.name, plan, (size_t)status.st_size);
        (void)munmap(plan, (size_t)status.st_size);
        return r < 0 ? error_set(error, r, "cannot save the plan of the payload") : 0;
}

/* Handles one message from the child. 1: continue, 0: the payload is running, or -errno. */
static int take_message(struct launch *launch, bool *ready, struct machine_error *error)
{
        struct message message;
        int r = message_receive(launch->sockets[0], &message);

        if (r < 0) {
                return error_set(error, r,
                                 "cannot read the messages of the machine's first process");
        }
        if (r == 0) {
                return *ready ? 0 : first_process_died(launch, error);
        }
        switch (message.type) {
        case MESSAGE_READY:
                *ready = true;
                /* A container's goes no further until it is told to. */
                return launch_is_container(launch) ? 0 : 1;
        case MESSAGE_TERMINAL:
                fd_close(launch->terminal);
                launch->terminal = message.fd;
                return 1;
        case MESSAGE_PLAN:
                r = launch->options.rehearsal ? 0 : keep_plan(launch, message.fd, error);
                fd_close(message.fd);
                return r < 0 ? r : 1;
        case MESSAGE_ERROR:
                error_move(error, &message.error);
                return error && error->number ? -error->number : -ECHILD;
        case MESSAGE_PROCEED:
        case MESSAGE_COMPANION:
        case MESSAGE_PROCESS:
        case MESSAGE_ENDED:
        case MESSAGE_WARNING:
        case MESSAGE_ROOT:
                fd_close(message.fd);
                machine_error_clear(&message.error);
                break;
        }
        return error_say(error, EBADMSG, "the machine's first process sent an unexpected message");
}

void launch_prefer_error_of_child(struct launch *launch, struct machine_error *error)
{
        struct pollfd child = { .fd = launch->sockets[0], .events = POLLIN };
        struct message message;

        /* Handles pending messages as well, up to its error, its end, or the last one. */
        while (child.fd >= 0 && poll(&child, 1, 0) > 0 && message_receive(child.fd, &message) > 0) {
                fd_close(message.fd);
                if (message.type == MESSAGE_ERROR) {
                        error_move(error, &message.error);
                        return;
                }
        }
}

/* If the child died before it could listen, its messages report why. */
static int let_proceed(const struct launch *launch, struct machine_error *error)
{
        int r = message_send(launch->sockets[0], MESSAGE_PROCEED);

        return r < 0 && r != -EPIPE
                       ? error_set(error, r, "cannot send a message to the machine's first process")
                       : 0;
}

int launch_await_mold(struct launch *launch, int *ret_tree, struct machine_error *error)
{
        int r = let_proceed(launch, error);

        while (r == 0) {
                struct message message;

                r = message_receive(launch->sockets[0], &message);
                if (r <= 0) {
                        return r < 0 ? error_set(error, r,
                                                 "cannot read the messages of the "
                                                 "machine's first process")
                                     : first_process_died(launch, error);
                }
                r = 0;
                if (message.type == MESSAGE_ROOT && message.fd >= 0) {
                        *ret_tree = message.fd;
                        return 0;
                }
                if (message.type == MESSAGE_PLAN) {
                        r = keep_plan(launch, message.fd, error);
                } else if (message.type == MESSAGE_ERROR) {
                        error_move(error, &message.error);
                        return error && error->number ? -error->number : -ECHILD;
                }
                fd_close(message.fd);
        }
        return r;
}

int launch_set_up_payload(struct launch *launch, struct machine_error *error)
{
        bool ready = false;
        int r = 0;

        if (launch_is_restore(launch)) {
                return launch_finish_restore(launch, error);
        }
        r = let_proceed(launch, error);

        /* The child has its own copy of the staged mounts. Dropping this one takes an RCU grace
         * period, which passes while the child executes machine-init and the payload. */
        if (r == 0) {
                r = launch_leave_mount_namespace(launch, error);
        }
        if (r < 0) {
                return r;
        }
        do {
                r = take_message(launch, &ready, error);
        } while (r > 0);
        if (r < 0 || launch_is_container(launch)) {
                return r;
        }
        launch->sockets[0] = fd_close(launch->sockets[0]);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a supervisor in a separate process. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process/process.h"
#include "launch/init/message.h"
#include "supervise/life/supervisor.h"
#include "systemd/scope.h"

/* The only descriptor that a supervisor keeps, apart from the standard streams. */
#define REPORT_FD 3

/* Gives up the terminal, working directory and descriptors of the caller. */
static void detach(int report)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        (void)setsid();
        (void)chdir("/");
        for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++) {
                (void)dup2(null, fd);
        }
        (void)dup3(report, REPORT_FD, O_CLOEXEC);
        (void)process_close_from(REPORT_FD + 1);
}

static _Noreturn void run_detached(struct machine *machine,
                                   const struct supervisor_options *options, int report)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct supervisor_options own = *options;
        int status;

        detach(report);
        own.report = REPORT_FD;
        own.log = NULL;
        /* Without it the machine has no control group: limits that need one are refused. */
        (void)systemd_enter_own_scope(machine->name, NULL);
        status = supervise(machine, &own, &error);
        _exit(status < 0 ? EXIT_FAILURE : status);
}

int supervise_detach(struct machine *machine, const struct supervisor_options *options,
                     int *ret_report, struct machine_error *error)
{
        int ends[2];
        pid_t pid;
        int r = message_socket_pair(ends);

        if (r < 0) {
                return error_set(error, r, "cannot create a socket pair");
        }
        pid = fork();
        if (pid == 0) {
                fd_close(ends[0]);
                run_detached(machine, options, ends[1]);
        }
        fd_close(ends[1]);
        if (pid < 0) {
                r = error_set(error, errno, "cannot fork the supervisor of \"%s\"", machine->name);
                fd_close(ends[0]);
                return r;
        }
        *ret_report = ends[0];
        return 0;
}

/* The next message, after the warnings, which follow each other without delay. */
static int receive(int report, const char *name, const struct log *log, struct message *ret)
{
        int r = message_receive(report, ret);

        while (r > 0 && ret->type == MESSAGE_WARNING) {
                if (ret->error.message) {
                        log_warning(log, "%s: %s", name, ret->error.message);
                }
                machine_error_clear(&ret->error);
                r = message_receive(report, ret);
        }
        return r;
}

int supervise_await(int report, const char *name, const struct log *log,
                    struct machine_error *error)
{
        struct message message;
        int r = receive(report, name, log, &message);

        if (r < 0) {
                return error_set(error, r, "cannot read from the supervisor of \"%s\"", name);
        }
        if (r == 0) {
                return error_say(error, ECHILD,
                                 "the supervisor of machine \"%s\" died unexpectedly", name);
        }
        if (message.type == MESSAGE_ERROR) {
                error_move(error, &message.error);
                return error && error->number ? -error->number : -ECHILD;
        }
        fd_close(message.fd);
        return message.type == MESSAGE_PROCEED;
}

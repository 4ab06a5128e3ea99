/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/beside.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "launch/init/end.h"
#include "launch/init/message.h"
#include "launch/init/payload.h"

/* From here on no signal is lost: it stays pending until the loop. */
static void block_signals(sigset_t *ret)
{
        memset(ret, 0xff, sizeof *ret); /* sigfillset(3) leaves out the C library's own */
        (void)sigprocmask(SIG_SETMASK, ret, NULL);
}

static void confine(const struct security_identity *identity)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (security_confine(CAPABILITY_BIT(CAP_KILL), identity, &error) < 0) {
                payload_fail(&error, "capabilities");
        }
}

/* Only the payload holds its input and output, so that a reader notices when it closes them. The
 * process next to it opens nothing later that could get their numbers. */
static void release_standard_streams(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                close(fd);
        }
}

/* Reaps all processes that have exited. Returns the payload's exit status, or -1 while it runs. */
static int reap(pid_t payload)
{
        for (;;) {
                siginfo_t info = { 0 };

                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0) {
                        return -1;
                }
                if (info.si_pid == payload) {
                        return process_exit_status(info.si_code, info.si_status);
                }
        }
}

/* Before a checkpoint, if this process is a copy of the supervisor: what is written down must be
 * machine-init. The payload stays its child, and its signals stay pending. Whoever else could ask
 * for it only gets the same once more. */
static void execute_again(pid_t payload)
{
        char number[16];
        char *const arguments[] = { (char *)"machine-init", (char *)INIT_STUB_ARGUMENT, number,
                                    NULL };
        char *const environment[] = { NULL };

        (void)snprintf(number, sizeof number, "%d", payload);
        (void)execve(INIT_STUB_PROGRAM, arguments, environment);
}

static bool asks_for_execution(const siginfo_t *info)
{
        return info->si_signo == INIT_EXECUTE_SIGNAL && info->si_code == SI_QUEUE &&
               info->si_pid == 0 && info->si_value.sival_int == INIT_EXECUTE_VALUE;
}

static _Noreturn void run_stub(pid_t payload, const sigset_t *signals)
{
        for (;;) {
                siginfo_t info;
                int signal = sigwaitinfo(signals, &info);

                if (signal == SIGCHLD) {
                        int status = reap(payload);

                        if (status >= 0) {
                                /* EBADF: the parent waits for the exit. */
                                (void)eventfd_write(INIT_STATUS_FD, (eventfd_t)status + 1);
                                _exit(status);
                        }
                } else if (signal > 0 && asks_for_execution(&info)) {
                        execute_again(payload);
                } else if (signal > 0) {
                        (void)kill(payload, signal);
                }
        }
}

/* Sent once: its execve(2) has succeeded or failed. */
static void report_payload(int *began, int payload_fd)
{
        if (*began >= 0) {
                (void)message_send_fd(INIT_SOCKET_FD, MESSAGE_PROCESS, payload_fd);
                *began = fd_close(*began);
        }
}

/*
 * A pid namespace ends when all of its processes are reaped (zap_pid_ns_processes() of the kernel),
 * so none of them may depend on a process outside, which may be stopped: the parent of a program
 * that joins is this process, which dies with PID 1 like every other.
 */
static _Noreturn void accompany(pid_t payload, int payload_fd, int began, const sigset_t *signals)
{
        enum { BEGAN, CHILD, CALLER };
        struct pollfd waited_for[] = {
                /* Closed by the payload's execve(2) or exit. */
                [BEGAN] = { .fd = began, .events = 0 },
                [CHILD] = { .fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK),
                            .events = POLLIN },
                /* The caller is gone, or has requested the end of all processes with shutdown(2).
                 */
                [CALLER] = { .fd = INIT_SOCKET_FD, .events = POLLRDHUP },
        };
        struct signalfd_siginfo info;
        bool whole = false;
        int status;

        while ((status = reap(payload)) < 0) {
                while (poll(waited_for, ELEMENTS_OF(waited_for), -1) < 0) {
                }
                if (waited_for[BEGAN].revents) {
                        report_payload(&waited_for[BEGAN].fd, payload_fd);
                }
                if (waited_for[CALLER].revents) {
                        status = end_all(payload);
                        break;
                }
                while (read(waited_for[CHILD].fd, &info, sizeof info) > 0) {
                        whole = whole || info.ssi_signo == INIT_WHOLE_SIGNAL;
                }
        }
        report_payload(&waited_for[BEGAN].fd, payload_fd);
        if (whole) {
                (void)end_all(0);
        }
        (void)message_send_ended(INIT_SOCKET_FD, status);
        (void)process_close_from(0);
        _exit(EXIT_SUCCESS);
}

/* A separate process with its own memory: this process has more privileges. */
static pid_t start_payload(const struct init_plan *plan, const int ends[static 2], int *ret_pidfd)
{
        pid_t payload = process_fork(0, ret_pidfd);

        if (payload == 0) {
                close(ends[0]);
                /* A session of its own, required for a controlling terminal. */
                (void)setsid();
                payload_become(plan, ends[1]);
        }
        close(ends[1]);
        return payload;
}

void beside_stay_as_stub(const struct security_identity *identity, pid_t payload, int socket)
{
        sigset_t all;

        block_signals(&all);
        release_standard_streams();
        payload_die_with_parent();
        confine(identity);
        (void)message_send(socket, MESSAGE_PROCEED);
        close(socket);
        close(INIT_SOCKET_FD);
        run_stub(payload, &all);
}

void beside_continue_as_stub(pid_t payload)
{
        sigset_t all;

        block_signals(&all);
        run_stub(payload, &all);
}

static _Noreturn void stay_as_companion(const struct security_identity *identity, pid_t payload,
                                        int payload_fd, int socket)
{
        sigset_t all;

        block_signals(&all);
        release_standard_streams();
        confine(identity);
        (void)message_send(socket, MESSAGE_PROCEED);
        accompany(payload, payload_fd, socket, &all);
}

void beside_run(const struct init_plan *plan)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        bool companion = plan->role == INIT_ROLE_COMPANION;
        int payload_fd = -EBADF, ends[2];
        sigset_t all;
        pid_t payload;
        int r;

        block_signals(&all);
        /* Orphans of the program must be found if they have to end with it. */
        if (companion && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
                error_set(&error, errno, "cannot become the parent of orphans");
                payload_fail(&error, "exec");
        }
        r = message_socket_pair(ends);
        payload = r < 0 ? r : start_payload(plan, ends, companion ? &payload_fd : NULL);
        if (payload < 0) {
                error_set(&error, payload, "cannot create a process for the payload");
                payload_fail(&error, "exec");
        }
        if (companion) {
                stay_as_companion(&plan->identity, payload, payload_fd, ends[0]);
        }
        beside_stay_as_stub(&plan->identity, payload, ends[0]);
}

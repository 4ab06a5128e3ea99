/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * machine-init: the last program of ours on the way to a machine's payload, entered inside the
 * finished machine. It is static and is executed through a read-only mount of its own, so what
 * /proc/PID/exe of any process in the machine leads to is never a file of the host that could be
 * written, and nothing of the machine's root is loaded before privileges are gone.
 *
 * As a stub it stays PID 1: it passes signals on to the payload, reaps whatever is orphaned and
 * ends with the payload's exit status. As a companion it stays with a program that joins a running
 * machine. Otherwise it becomes the payload.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process.h"
#include "launch/init/execute.h"
#include "launch/init/plan.h"
#include "launch/message.h"

/* Room for the paths that the search for the program and the diagnosis of a failure hold. Pages
 * that are not touched cost nothing. */
#define PAYLOAD_STACK_SIZE (256 * 1024)

/* What `run` answers for failures of this program, as env(1) and docker do. */
#define STATUS_OWN_FAILURE 125

/* Tells the parent what went wrong and ends. The parent knows how to print it. */
static _Noreturn void fail(struct machine_error *error, const char *step)
{
        error_step(error, step);
        (void)message_send_error(INIT_SOCKET_FD, error);
        _exit(STATUS_OWN_FAILURE);
}

/* A process whose parent died before PR_SET_PDEATHSIG took hold gets no signal any more; the parent
 * is in another pid namespace, so that getppid(2) does not tell, but its socket does. */
static void die_with_parent(void)
{
        struct pollfd peer = { .fd = INIT_SOCKET_FD, .events = 0 };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
            (poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR)))) {
                _exit(STATUS_OWN_FAILURE);
        }
}

static int enter_working_directory(const char *path, struct machine_error *error)
{
        /* No magic link: /proc/self/fd/N could lead to a directory outside the machine. */
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int fd =
                root < 0 ? -errno : path_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);

        if (fd == -ELOOP) {
                return error_say(error, ELOOP,
                                 "cannot enter the working directory \"%s\": it leads through a "
                                 "magic link of /proc or too many links",
                                 path);
        }
        if (fd < 0) {
                error_set(error, fd, "cannot enter the working directory \"%s\" of the machine",
                          path);
                error_hint(error, "make it in the machine's root, or change working_directory");
                return fd;
        }
        if (fchdir(fd) < 0) {
                return error_set(
                        error, errno,
                        "cannot enter the working directory \"%s\" of the machine as user %u", path,
                        (unsigned int)geteuid());
        }
        return 0;
}

/* Signals and their handling as a program expects to find them. By the system call: a C library
 * keeps some signals for itself, not each the same, and the payload may have another one. */
static void reset_signals(void)
{
        /* The kernel's struct sigaction, which no header has. All zero it is SIG_DFL. */
        static const unsigned char by_default[64];
        sigset_t none;

        for (int signal = 1; signal < _NSIG; signal++) {
                /* EINVAL for SIGKILL and SIGSTOP. */
                (void)syscall(SYS_rt_sigaction, signal, by_default, NULL, _NSIG / 8);
        }
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become_payload(const struct init_plan *plan)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        char *path = NULL;

        if (plan->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0) {
                error_set(&error, errno,
                          "cannot make the machine's terminal a controlling terminal");
                fail(&error, "terminal");
        }
        if (security_become(&plan->identity, &plan->program, &error) < 0) {
                fail(&error, "capabilities");
        }
        if (enter_working_directory(plan->working_directory, &error) < 0) {
                fail(&error, "working-directory");
        }
        if (execute_find(plan->arguments[0], plan->environment, &path, &error) < 0) {
                fail(&error, "exec");
        }
        if (security_label_apply(&plan->label, &error) < 0) {
                fail(&error, "label");
        }
        (void)message_send(INIT_SOCKET_FD, MESSAGE_READY);
        reset_signals();
        if (resources_limit(&plan->resources, &error) < 0) {
                fail(&error, "resources");
        }
        if (security_filter(&plan->identity, &plan->program, &error) < 0) {
                fail(&error, "seccomp");
        }
        execve(path, plan->arguments, plan->environment);
        execute_explain(path, errno, &error);
        fail(&error, "exec");
}

/* What stays beside the payload needs no more than to signal one of another user. */
static void confine(void)
{
        static const struct capability_sets kill_only = {
                .bounding = CAPABILITY_BIT(CAP_KILL),
                .permitted = CAPABILITY_BIT(CAP_KILL),
                .effective = CAPABILITY_BIT(CAP_KILL),
        };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (security_confine(&kill_only, &error) < 0) {
                fail(&error, "capabilities");
        }
        (void)prctl(PR_SET_DUMPABLE, 0);
}

/* The payload alone holds its input and output: when it closes them, whoever reads them knows. */
static void release_standard_streams(void)
{
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);

        for (int fd = 0; fd <= 2; fd++) {
                if (null < 0) {
                        close(fd);
                } else if (null != fd) {
                        (void)dup2(null, fd);
                }
        }
        if (null <= 2) {
                null = -EBADF;
        }
}

/* Reaps all that has ended. The exit status of the payload, or -1 while it runs. */
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

static _Noreturn void run_stub(pid_t payload, const sigset_t *signals)
{
        for (;;) {
                int signal = sigwaitinfo(signals, NULL);

                if (signal == SIGCHLD) {
                        int status = reap(payload);

                        if (status >= 0) {
                                _exit(status);
                        }
                } else if (signal > 0) {
                        (void)kill(payload, signal);
                }
        }
}

/* The one who asked for the program is gone: the program goes, too. */
static int end_payload(pid_t payload)
{
        (void)kill(payload, SIGKILL);
        return process_wait(payload);
}

/*
 * A pid namespace ends when all of its processes are reaped (zap_pid_ns_processes() of the kernel),
 * so nothing in it may wait for a process outside, which somebody may have suspended: the parent of
 * a program that joins is this process, which the death of PID 1 kills like every other.
 */
static _Noreturn void accompany(pid_t payload, int payload_fd)
{
        enum { PAYLOAD, CALLER };
        struct pollfd waited_for[] = {
                [PAYLOAD] = { .fd = payload_fd, .events = POLLIN },
                [CALLER] = { .fd = INIT_SOCKET_FD, .events = 0 },
        };
        int status;

        while (poll(waited_for, ELEMENTS_OF(waited_for), -1) < 0) {
        }
        status = waited_for[PAYLOAD].revents ? process_wait(payload) : end_payload(payload);
        (void)message_send_ended(INIT_SOCKET_FD, status);
        _exit(EXIT_SUCCESS);
}

/* In the payload's process. */
static int begin_payload(void *plan)
{
        /* A session of its own, which a controlling terminal needs. */
        (void)setsid();
        become_payload(plan);
}

/* A child that shares the memory of this process, which goes on when it has executed or ended
 * (vfork(2)): nothing is copied for the moment between the two. It has a stack of its own. */
static pid_t start_payload(struct init_plan *plan, int *ret_pidfd)
{
        static char stack[PAYLOAD_STACK_SIZE] __attribute__((aligned(16)));

        return clone(begin_payload, stack + sizeof stack,
                     CLONE_VM | CLONE_VFORK | SIGCHLD | (ret_pidfd ? CLONE_PIDFD : 0), plan,
                     ret_pidfd);
}

static _Noreturn void run_beside(struct init_plan *plan)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        bool companion = plan->role == INIT_ROLE_COMPANION;
        int payload_fd = -EBADF;
        sigset_t all;
        pid_t payload;

        /* From here on nothing is lost: a signal that comes before the loop waits for it. */
        memset(&all, 0xff, sizeof all); /* sigfillset(3) leaves out the C library's own */
        (void)sigprocmask(SIG_SETMASK, &all, NULL);
        payload = start_payload(plan, companion ? &payload_fd : NULL);
        if (payload < 0) {
                error_set(&error, errno, "cannot make a process for the payload");
                fail(&error, "exec");
        }
        release_standard_streams();
        confine();
        if (companion) {
                (void)message_send_fd(INIT_SOCKET_FD, MESSAGE_PROCESS, payload_fd);
                accompany(payload, payload_fd);
        }
        die_with_parent();
        close(INIT_SOCKET_FD);
        run_stub(payload, &all);
}

int main(void)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct init_plan plan;
        int r;

        if (fcntl(INIT_SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(INIT_PLAN_FD, F_GETFD) < 0) {
                fputs("machine-init: this program is started by machinectl-lite, not by hand\n",
                      stderr);
                return STATUS_OWN_FAILURE;
        }
        (void)process_close_from(INIT_PLAN_FD + 1);
        r = init_plan_read(INIT_PLAN_FD, &plan);
        close(INIT_PLAN_FD);
        if (r < 0) {
                error_set(&error, r, "machine-init cannot read its plan");
                fail(&error, "exec");
        }
        /* A companion's socket tells it that nobody waits any more; its parent is nobody's. */
        if (plan.role != INIT_ROLE_COMPANION) {
                die_with_parent();
        }
        if (plan.role == INIT_ROLE_STUB || plan.role == INIT_ROLE_COMPANION) {
                run_beside(&plan);
        }
        become_payload(&plan);
}

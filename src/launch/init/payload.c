/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "base/process/process.h"
#include "launch/init/agent.h"
#include "launch/init/execute.h"
#include "launch/init/message.h"
#include "launch/init/start.h"

/* Reports an error to the parent, which prints it, and exits. */
static _Noreturn void fail_to(int socket, struct machine_error *error, const char *step)
{
        error_step(error, step);
        (void)message_send_error(socket, error);
        /* Before the kernel releases the memory and with it the undumpable flag. */
        (void)process_close_from(0);
        _exit(PAYLOAD_OWN_FAILURE);
}

void payload_fail(struct machine_error *error, const char *step)
{
        fail_to(INIT_SOCKET_FD, error, step);
}

/* If the parent died before PR_SET_PDEATHSIG took effect, there is no signal. The parent is in
 * another pid namespace, so getppid(2) cannot show this, but its socket does. */
void payload_die_with_parent(void)
{
        struct pollfd peer = { .fd = INIT_SOCKET_FD, .events = 0 };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
            (poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR)))) {
                _exit(PAYLOAD_OWN_FAILURE);
        }
}

static int open_working_directory(const struct init_plan *plan, int root)
{
        int fd = path_open_in_root(root, plan->working_directory, O_PATH | O_DIRECTORY, 0);

        if (plan->directory_is_home && (fd < 0 || fchdir(fd) < 0)) {
                fd_close(fd);
                fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
                return fd < 0 ? -errno : fd;
        }
        return fd;
}

/* With the payload's own privileges, and without magic links: /proc/self/fd/N could lead to a
 * directory outside the machine. */
static int enter_working_directory(const struct init_plan *plan, struct machine_error *error)
{
        const char *path = plan->working_directory;
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int fd = root < 0 ? -errno : open_working_directory(plan, root);

        if (fd == -ELOOP) {
                return error_say(error, ELOOP,
                                 "cannot enter the working directory \"%s\": it leads through a "
                                 "magic link of /proc or too many links",
                                 path);
        }
        if (fd < 0) {
                error_set(error, fd, "cannot enter the working directory \"%s\" of the machine",
                          path);
                error_hint(error, "create it in the machine's root, or change working_directory");
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

/* A traced process stops when execve(2) has succeeded (ptrace(2)): the rehearsal kills the program
 * before its first instruction. If the kernel forbids tracing (Yama), everything but the last call
 * is rehearsed. */
static bool stop_at_execution(void)
{
        return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

/* A companion has called security_begin() before it became visible in its machine; in a machine
 * that is starting, only our processes run. */
static void take_identity(const struct init_plan *plan)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if ((!init_role_joins(plan->role) &&
             security_begin(&plan->identity, &plan->program, 0, &error) < 0) ||
            security_complete(&plan->identity, &plan->program, &error) < 0) {
                payload_fail(&error, "capabilities");
        }
}

/*
 * Waits until the process that stays next to the payload has dropped every privilege that it does
 * not need; only then is code of the machine executed. In a start it also finishes the root, so
 * nothing is looked up before. `beside` is its socket. If that process is dead, nothing arrives; it
 * may have died before PR_SET_PDEATHSIG took effect.
 */
static void await_confinement(const struct init_plan *plan, int beside)
{
        struct pollfd peer = { .fd = beside, .events = 0 };
        struct message message;

        if (beside >= 0 &&
            (message_receive(beside, &message) <= 0 || message.type != MESSAGE_PROCEED ||
             (plan->identity.parent_death_signal && poll(&peer, 1, 0) > 0))) {
                _exit(PAYLOAD_OWN_FAILURE);
        }
}

/* What the payload keeps of its caller's descriptors was out of the way of those of this program,
 * of which only the sockets are left, at other numbers. */
static int keep_preserved(const struct init_plan *plan, int *ret_agent)
{
        int count = (int)plan->preserved, socket;

        *ret_agent = INIT_AGENT_FD;
        if (count == 0) {
                return INIT_SOCKET_FD;
        }
        socket = fcntl(INIT_SOCKET_FD, F_DUPFD_CLOEXEC, INIT_PRESERVED_FD + count);
        *ret_agent = fcntl(INIT_AGENT_FD, F_DUPFD_CLOEXEC, INIT_PRESERVED_FD + count);
        /* Each is copied before its own number is taken. */
        for (int i = 0; i < count; i++) {
                if (dup2(INIT_PRESERVED_FD + i, 3 + i) < 0) {
                        close(3 + i);
                }
        }
        for (int fd = 3 + count; fd < INIT_PRESERVED_FD + count; fd++) {
                close(fd);
        }
        return socket;
}

static int find_program(const struct init_plan *plan, char **ret, struct machine_error *error)
{
        int r;

        /* Nobody starts it: launch_has_program(). */
        if (!plan->arguments[0]) {
                return 0;
        }
        r = execute_find(plan->arguments[0], plan->environment, ret, error);
        /* Who waits for a start fails for what can be known before that. */
        if (r == 0 && (plan->role == INIT_ROLE_WAITING || plan->role == INIT_ROLE_ENTRANT)) {
                r = execute_check(*ret, error);
        }
        return r;
}

void payload_become(const struct init_plan *plan, int beside)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        char *path = NULL;
        int listener = -EBADF;
        bool execute = plan->role != INIT_ROLE_REHEARSAL || stop_at_execution();
        int socket, agent;

        take_identity(plan);
        process_reset_handlers();
        await_confinement(plan, beside);
        if (plan->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0) {
                error_set(&error, errno,
                          "cannot make the machine's terminal the controlling terminal");
                payload_fail(&error, "terminal");
        }
        if (enter_working_directory(plan, &error) < 0) {
                payload_fail(&error, "working-directory");
        }
        if (find_program(plan, &path, &error) < 0) {
                payload_fail(&error, "exec");
        }
        /* A label may forbid tracing its program. */
        if (plan->role != INIT_ROLE_REHEARSAL && security_label_apply(&plan->label, &error) < 0) {
                payload_fail(&error, "label");
        }
        if (plan->role == INIT_ROLE_ENTRANT) {
                start_await_creator();
        }
        if (plan->role == INIT_ROLE_WAITING && start_await(plan, &error) < 0) {
                payload_fail(&error, "start");
        }
        (void)message_send(INIT_SOCKET_FD, MESSAGE_READY);
        if (!execute) {
                _exit(EXIT_SUCCESS);
        }
        socket = keep_preserved(plan, &agent);
        process_unblock_signals();
        if (resources_limit(&plan->resources, &error) < 0) {
                fail_to(socket, &error, "resources");
        }
        if (security_filter(&plan->identity, &plan->program, &listener, &error) < 0) {
                fail_to(socket, &error, "seccomp");
        }
        if (listener >= 0 && agent_tell(plan, agent, listener, &error) < 0) {
                fail_to(socket, &error, "seccomp");
        }
        execve(path, plan->arguments, plan->environment);
        execute_explain(path, errno, &error);
        fail_to(socket, &error, "exec");
}

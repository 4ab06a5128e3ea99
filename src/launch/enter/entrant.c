/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter/entrant.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cgroup/tree/tree.h"
#include "launch/context.h"
#include "launch/enter/namespaces.h"
#include "launch/handover.h"
#include "launch/init/message.h"

/* How long, in milliseconds, entering may take: a container at a limit or in the freezer may not
 * let it go on. */
#define BEGIN_TIMEOUT 20000

struct entering {
        const struct entrant_request *request;
        struct init_plan saved; /* of the container's first process */
        struct capability_sets capabilities;
        int init_program;
        int group; /* where the program starts, or -EBADF: in the caller's group */
        int sockets[2];
};

/* ---- the program ---- */

static int write_plan(const struct entering *entering, int *ret_fd, struct machine_error *error)
{
        const struct entrant_request *request = entering->request;
        const struct machine *machine = request->machine;
        const struct machine_identity *ids = &machine->process.identity;
        struct init_plan plan = {
                .role = INIT_ROLE_ENTRANT,
                .terminal = request->terminal,
                .identity = {
                        .uid = ids->uid,
                        .gid = ids->gid,
                        .groups = ids->groups,
                        .group_count = ids->group_count,
                        .capabilities = entering->capabilities,
                        .no_new_privileges = machine->security.no_new_privileges,
                },
                .program = entering->saved.program,
                .resources = resource_settings_of(machine),
                .arguments = machine->process.command,
                .environment = machine->process.environment,
                .working_directory = machine->process.working_directory,
                .label = { machine->security.apparmor, machine->security.selinux },
                .join = {
                        .namespaces = namespaces_to_join(request->record->init.pid),
                },
                .keep_keyring = request->keeps_keyring,
                .preserved = request->preserved,
        };

        return init_plan_write(&plan, ret_fd, error);
}

/* Executes machine-init, which joins the container: launch/init/join.c. */
static _Noreturn void run_threshold(struct entering *entering)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        const struct resource_settings resources = resource_settings_of(entering->request->machine);
        struct handover with = {
                .socket = entering->sockets[1],
                .init_program = entering->init_program,
                .streams = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
                .machine = entering->request->init,
                .group = -EBADF,
                .preserved = entering->request->preserved,
        };

        if (launch_inject_fault("exec-threshold", &error) == 0 &&
            resources_run_on(entering->request->machine->process.exec_cpus, &error) == 0 &&
            resources_prepare(0, &resources, &error) == 0 &&
            write_plan(entering, &with.plan, &error) == 0) {
                (void)handover(&with, &error);
        }
        (void)message_send_error(entering->sockets[1], &error);
        _exit(EXIT_FAILURE);
}

/* ---- preparation ---- */

static int read_saved_plan(struct entering *entering, struct machine_error *error)
{
        const struct entrant_request *request = entering->request;
        _cleanup_close_ int fd = state_open_plan(request->store, request->record->name);
        int r = fd < 0 ? fd : init_plan_read(fd, &entering->saved, error);

        return r < 0 ? error_wrap(error, r, "cannot enter container \"%s\"", request->record->name)
                     : 0;
}

static int open_group(struct entering *entering, struct machine_error *error)
{
        const struct machine_record *record = entering->request->record;
        const char *below = entering->request->group;
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        _cleanup_free_ char *path = NULL;
        int r;

        if (!record->cgroup) {
                return below ? error_say(error, ENODEV,
                                         "container \"%s\" has no control group, so none below it",
                                         record->name)
                             : 0;
        }
        if (below && strstr(below, "..")) {
                return error_say(error, EINVAL, "\"%s\" is no group below the container's", below);
        }
        path = string_format("%s%s%s", record->cgroup, below ? "/" : "", below ? below : "");
        r = path ? cgroup_open(path, &group, error) : error_oom(error);
        if (r == 0) {
                r = entering->group = cgroup_open_entry(&group, record->init.pid, error);
        }
        return r < 0 ? r : 0;
}

static int take_capabilities(struct entering *entering, struct machine_error *error)
{
        _cleanup_strv_ char **warnings = NULL;
        const struct security_label label = {
                entering->request->machine->security.apparmor,
                entering->request->machine->security.selinux,
        };
        int r = security_label_check(&label, error);

        return r < 0 ? r
                     : capabilities_take_sets(entering->request->machine, &entering->capabilities,
                                              &warnings, error);
}

static int prepare(struct entering *entering, struct machine_error *error)
{
        int r = read_saved_plan(entering, error);

        if (r == 0) {
                r = take_capabilities(entering, error);
        }
        if (r == 0) {
                r = open_group(entering, error);
        }
        if (r == 0) {
                r = entering->init_program = launch_open_init_program(error);
        }
        if (r < 0) {
                return r;
        }
        r = message_socket_pair(entering->sockets);
        return r < 0 ? error_set(error, r, "cannot create a socket pair") : 0;
}

/* ---- the caller's side ---- */

static pid_t start_threshold(struct entering *entering, struct machine_error *error)
{
        struct clone_args arguments = {
                .flags = entering->group >= 0 ? CLONE_INTO_CGROUP : 0,
                .exit_signal = SIGCHLD,
                .cgroup = entering->group >= 0 ? (uint64_t)entering->group : 0,
        };
        /* The new process begins with this one's processors. */
        int r = resources_run_on(entering->request->machine->process.exec_cpus_before, error);
        long pid = r < 0 ? r : syscall(SYS_clone3, &arguments, sizeof arguments);

        if (r < 0) {
                return r;
        }

        if (pid == 0) {
                run_threshold(entering);
        }
        return pid < 0 ? error_set(error, errno,
                                   "cannot create a process in the group of container \"%s\"",
                                   entering->request->record->name)
                       : (pid_t)pid;
}

/* Where its process is, by the number that this process knows it by. */
static int take_process(struct entrant *entrant, int pidfd)
{
        _cleanup_free_ char *text = NULL;
        char path[64];
        const char *line;

        fd_close(entrant->pidfd);
        entrant->pidfd = pidfd;
        (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
        if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0 || !(line = strstr(text, "Pid:"))) {
                return -ESRCH;
        }
        entrant->pid = atoi(line + strlen("Pid:"));
        return entrant->pid > 0 ? 0 : -ESRCH;
}

static int take_message(struct entrant *entrant, struct message *message, bool *ready,
                        struct machine_error *error)
{
        switch (message->type) {
        case MESSAGE_COMPANION:
                return take_process(entrant, message->fd) < 0
                               ? error_say(error, ESRCH, "the process in the container has ended")
                               : 0;
        case MESSAGE_TERMINAL:
                fd_close(entrant->terminal);
                entrant->terminal = message->fd;
                return 0;
        case MESSAGE_READY:
                *ready = true;
                return 0;
        case MESSAGE_ERROR:
                error_move(error, &message->error);
                return error && error->number ? -error->number : -ECHILD;
        default:
                fd_close(message->fd);
                return error_say(error, EBADMSG,
                                 "the process in the container sent an invalid message");
        }
}

/* Two processes send: the one that has created the program's sends its descriptor, which may come
 * after what the program's own says. */
static int await_ready(struct entrant *entrant, struct machine_error *error)
{
        struct pollfd said = { .fd = entrant->socket, .events = POLLIN };
        struct message message;
        bool ready = false;
        int r;

        do {
                if (poll(&said, 1, BEGIN_TIMEOUT) <= 0) {
                        r = error_say(error, ETIMEDOUT, "the program was not started within %d s",
                                      BEGIN_TIMEOUT / 1000);
                        error_hint(error, "the container may be paused, or have used up a limit");
                        return r;
                }
                r = message_receive(entrant->socket, &message);
                if (r <= 0) {
                        return error_say(error, ECHILD,
                                         "the process in the container ended before the program "
                                         "was started");
                }
                r = take_message(entrant, &message, &ready, error);
        } while (r == 0 && !(ready && entrant->pid > 0));
        return r;
}

int launch_entrant_begin(const struct entrant_request *request, struct entrant *ret,
                         struct machine_error *error)
{
        struct entering entering = {
                .request = request,
                .init_program = -EBADF,
                .group = -EBADF,
                .sockets = { -EBADF, -EBADF },
        };
        struct entrant entrant = ENTRANT_INIT;
        pid_t threshold = -1;
        int r = prepare(&entering, error);

        if (r == 0) {
                r = threshold = start_threshold(&entering, error);
        }
        entering.sockets[1] = fd_close(entering.sockets[1]);
        entrant.socket = TAKE_FD(entering.sockets[0]);
        if (r > 0) {
                r = await_ready(&entrant, error);
        }
        fd_close(entering.init_program);
        fd_close(entering.group);
        init_plan_clear(&entering.saved);
        if (r < 0) {
                launch_entrant_close(&entrant);
        }
        if (threshold > 0) {
                /* Once the program is there it is done; else it may hang in the container's group.
                 */
                (void)kill(threshold, r < 0 ? SIGKILL : 0);
                (void)process_wait(threshold);
        }
        if (r < 0) {
                return r;
        }
        *ret = entrant;
        return 0;
}

int launch_entrant_proceed(struct entrant *entrant, struct machine_error *error)
{
        struct message message;
        int r = message_send(entrant->socket, MESSAGE_PROCEED);

        if (r < 0) {
                return error_set(error, r, "the process in the container has ended");
        }
        while ((r = message_receive(entrant->socket, &message)) > 0) {
                fd_close(message.fd);
                if (message.type == MESSAGE_ERROR) {
                        error_move(error, &message.error);
                        return error && error->number ? -error->number : -ECHILD;
                }
        }
        return r < 0 ? error_set(error, r,
                                 "cannot read the messages of the process in the "
                                 "container")
                     : 0;
}

void launch_entrant_close(struct entrant *entrant)
{
        fd_close(entrant->socket);
        fd_close(entrant->pidfd);
        fd_close(entrant->terminal);
        *entrant = (struct entrant)ENTRANT_INIT;
}

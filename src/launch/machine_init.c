/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The last steps of the child: the machine's first process becomes machine-init.
 *
 * A stub does not have to be executed anew. Nothing in the machine reaches it: it is not dumpable,
 * and its memory belongs to the host's user namespace, in which no capability of the machine is
 * valid. Its command line, which everybody can read, is overwritten. A machine without a user
 * namespace is another matter, and machine-init is executed through its read-only mount, as for
 * that of a user: the payload's process has the host's executable until its execve(2), and a
 * payload that begins with "#!/proc/self/exe" would run that, and could then open it for writing
 * (CVE-2019-5736). Where ids are mapped, it belongs to nobody in the machine.
 *
 * Without execve(2) the payload's process can be created early: it takes on its identity, which
 * needs no file system, while the stub finishes the root and detaches the host's.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/handover.h"
#include "launch/init/beside.h"
#include "launch/init/message.h"
#include "launch/init/payload.h"
#include "launch/init/user.h"

/* In the usual order. */
const char *const launch_init_places[LAUNCH_INIT_PLACES] = {
        "/usr/lib/systemd/systemd",
        "/lib/systemd/systemd",
        "/sbin/init",
};

/* The machine's init, relative to the root of this process. */
static int find_init(char ***ret, struct machine_error *error)
{
        for (size_t i = 0; i < LAUNCH_INIT_PLACES; i++) {
                if (access(launch_init_places[i], X_OK) == 0) {
                        return strv_append(ret, launch_init_places[i]) < 0 ? error_oom(error) : 0;
                }
        }
        error_say(error, ENOENT,
                  "cannot boot the machine: no init in its root, neither %s nor %s nor %s",
                  launch_init_places[0], launch_init_places[1], launch_init_places[2]);
        error_hint(error, "install systemd in the root, or set command instead of boot");
        return error_kind(error, MACHINE_ERROR_NOT_FOUND);
}

/* A stub dies with the supervisor itself, a container lives without one. */
static bool dies_with_parent(const struct launch *launch)
{
        return launch->options.rehearsal ||
               (!launch->machine->process.init && !launch_is_container(launch));
}

static enum init_role role_of(const struct launch *launch)
{
        if (launch->options.rehearsal) {
                return INIT_ROLE_REHEARSAL;
        }
        if (launch_is_container(launch)) {
                return INIT_ROLE_WAITING;
        }
        if (launch->machine->process.boot) {
                return INIT_ROLE_SYSTEM;
        }
        return launch->machine->process.init ? INIT_ROLE_STUB : INIT_ROLE_PAYLOAD;
}

/* *ret borrows from the launch, except for the arguments of a machine that boots, the environment
 * and the agent's text. */
static int fill_plan(const struct launch *launch, struct init_plan *ret,
                     struct machine_error *error)
{
        static const struct launch_container none = { 0 };
        const struct launch_container *container =
                launch->options.container ? launch->options.container : &none;
        const struct machine *machine = launch->machine;
        int r;

        *ret = (struct init_plan){
                .role = role_of(launch),
                .terminal = launch->options.terminal,
                .identity = {
                        .capabilities = launch->capabilities,
                        .no_new_privileges = machine->security.no_new_privileges,
                        .parent_death_signal = dies_with_parent(launch) ? SIGKILL : 0,
                },
                .program = launch->filter,
                .resources = resource_settings_of(machine),
                .arguments = machine->process.command,
                .working_directory = machine->process.working_directory,
                .label = { machine->security.apparmor, machine->security.selinux },
                .keep_keyring = container->keeps_keyring,
                .preserved = container->preserved,
                .hooks = (char **)container->start_hooks,
                .start_state = (char *)container->start_state,
        };
        init_user_plan(&launch->user, ret);
        ret->identity.keep_groups = launch->machine->process.identity.keep_groups;
        r = launch_complete_environment(launch, &ret->environment, error);
        if (r == 0 && launch_wants_agent(launch)) {
                r = launch_read_agent_text(launch, &ret->agent_state, error);
        }
        /* A container may have no program, see launch_has_program(). */
        return r == 0 && !ret->arguments && !launch_is_container(launch)
                       ? find_init(&ret->arguments, error)
                       : r;
}

static void clear_plan(const struct launch *launch, struct init_plan *plan)
{
        strv_free(plan->environment);
        free(plan->agent_state);
        if (plan->arguments != launch->machine->process.command) {
                strv_free(plan->arguments);
        }
}

/* The parent keeps it for programs that join the machine later. */
static int send_plan(const struct launch *launch, const struct init_plan *plan, int *ret_fd,
                     struct machine_error *error)
{
        int r = init_plan_write(plan, ret_fd, error);

        if (r < 0) {
                return r;
        }
        r = message_send_fd(launch->sockets[1], MESSAGE_PLAN, *ret_fd);
        return r < 0 ? error_set(error, r, "cannot pass the plan to the supervisor") : 0;
}

static void fill_streams(const struct launch *launch, struct handover *with)
{
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
                with->streams[i] = launch->options.terminal ? launch->terminal_slave
                                                            : launch_stream(launch, i);
        }
}

/* ---- called ---- */

bool launch_wants_payload_process(const struct launch *launch)
{
        return role_of(launch) == INIT_ROLE_STUB && launch->options.title.start &&
               !launch->options.restore;
}

/* Not if the parent gives the first process resources that the payload's is to inherit: it does so
 * while that sets up the machine. Not for a user, because the stub must be within his own reach:
 * memory of the host's user namespace, where he has no capability, would keep his `exec` from
 * joining it. */
bool launch_calls_init(const struct launch *launch)
{
        const struct resource_settings resources = resource_settings_of(launch->machine);

        return launch_wants_payload_process(launch) && !launch->by_user &&
               !resources_need_preparing(&resources) && launch_has_user_namespace(launch);
}

/* The body of the payload's process. Its standard streams, the socket to the parent, and that to
 * the stub, in the place of the plan, are all that it keeps open. */
static _Noreturn void run_payload(const struct launch *launch, int beside)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct handover with = {
                .socket = launch->sockets[1],
                .plan = beside,
                .machine = -EBADF,
                .group = -EBADF,
        };
        struct init_plan plan;
        int fd = -EBADF;
        int r = fill_plan(launch, &plan, &error);

        if (r == 0) {
                r = send_plan(launch, &plan, &fd, &error);
        }
        if (r == 0) {
                fill_streams(launch, &with);
                r = handover_place(&with, &error);
        }
        if (r == 0 && (fcntl(INIT_SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0 ||
                       fcntl(INIT_PLAN_FD, F_SETFD, FD_CLOEXEC) < 0)) {
                r = error_set(&error, errno, "cannot keep descriptors from the payload");
        }
        if (r < 0) {
                error_step(&error, "payload-process");
                (void)message_send_error(launch->sockets[1], &error);
                _exit(PAYLOAD_OWN_FAILURE);
        }
        (void)process_close_from(INIT_PLAN_FD + 1);
        /* A session of its own, required for a controlling terminal. */
        (void)setsid();
        payload_become(&plan, INIT_PLAN_FD);
}

int launch_begin_payload(struct launch *launch, struct machine_error *error)
{
        sigset_t all;
        int ends[2], r;

        if (!launch_calls_init(launch)) {
                return 0;
        }
        /* Until it is the stub, signals for the payload stay pending. */
        sigfillset(&all);
        (void)sigprocmask(SIG_SETMASK, &all, NULL);
        if (prctl(PR_SET_DUMPABLE, 0) < 0) {
                return error_set(error, errno, "cannot make the first process untraceable");
        }
        r = message_socket_pair(ends);
        if (r < 0) {
                return error_set(error, r, "cannot create a socket pair");
        }
        launch->payload = process_fork(0, NULL);
        if (launch->payload == 0) {
                close(ends[0]);
                run_payload(launch, ends[1]);
        }
        close(ends[1]);
        launch->beside = ends[0];
        return launch->payload < 0 ? error_set(error, launch->payload,
                                               "cannot create a process for the payload")
                                   : 0;
}

static int call_init(struct launch *launch, struct machine_error *error)
{
        const struct handover with = {
                .streams = { -EBADF, -EBADF, -EBADF },
                .socket = launch->sockets[1],
                .plan = launch->beside,
                .machine = -EBADF,
                .group = launch->status_event,
        };
        const struct security_identity identity = { .capabilities = launch->capabilities };
        int r = handover_place(&with, error);

        if (r < 0) {
                return r;
        }
        (void)process_close_from(INIT_GROUP_FD + 1);
        process_set_title(&launch->options.title, "machine-init");
        beside_stay_as_stub(&identity, launch->payload, INIT_PLAN_FD);
}

/* ---- executed ---- */

static int execute_init(struct launch *launch, struct machine_error *error)
{
        struct handover with = {
                .socket = launch->sockets[1],
                .init_program = launch->init_program,
                .group = launch_is_container(launch) ? launch->agent : launch->status_event,
                .machine = launch->waiting,
                .preserved = launch_is_container(launch) ? launch->options.container->preserved : 0,
        };
        struct init_plan plan;
        int r = fill_plan(launch, &plan, error);

        if (r == 0) {
                r = send_plan(launch, &plan, &with.plan, error);
        }
        clear_plan(launch, &plan);
        if (r < 0) {
                return r;
        }
        fill_streams(launch, &with);
        return handover(&with, error);
}

/* Programs that join the restored machine later need its plan. */
static int become_mold(struct launch *launch, struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        struct init_plan plan;
        int r = fill_plan(launch, &plan, error);

        r = r < 0 ? r : send_plan(launch, &plan, &fd, error);
        clear_plan(launch, &plan);
        return r < 0 ? r : launch_give_mold(launch, error);
}

int launch_become_init(struct launch *launch, struct machine_error *error)
{
        if (launch->options.restore) {
                return become_mold(launch, error);
        }
        return launch->payload > 0 ? call_init(launch, error) : execute_init(launch, error);
}

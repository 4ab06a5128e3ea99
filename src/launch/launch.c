/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/launch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/strings.h"
#include "launch/context.h"

static struct launch *launch_new(struct machine *machine, const struct launch_options *options,
                                 char *stack)
{
        struct launch *launch = calloc(1, sizeof *launch);

        if (!launch) {
                return NULL;
        }
        launch->machine = machine;
        launch->options = *options;
        launch->store = (struct state_store)STATE_STORE_INIT;
        launch->image_lock = -EBADF;
        launch->lock = -EBADF;
        launch->ids = (struct id_lease)ID_LEASE_INIT;
        launch->user_namespace = -EBADF;
        launch->init_program = -EBADF;
        launch->host = (struct host_place)HOST_PLACE_INIT;
        launch->maker = (struct maker){ .stack = stack, .pidfd = -EBADF };
        launch->cgroup = (struct cgroup)CGROUP_INIT;
        launch->sockets[0] = launch->sockets[1] = -EBADF;
        launch->pidfd = -EBADF;
        launch->network_namespace = -EBADF;
        launch->terminal = -EBADF;
        launch->terminal_slave = -EBADF;
        launch->notify_socket = -EBADF;
        return launch;
}

static void launch_free(struct launch *launch)
{
        rootfs_free(launch->rootfs);
        network_free(launch->network);
        cgroup_release(&launch->cgroup);
        id_lease_release(&launch->ids);
        seccomp_program_free(&launch->filter);
        machine_record_clear(&launch->record);
        machine_user_clear(&launch->user);
        strv_free(launch->environment);
        free(launch->machine_id);
        fd_close(launch->user_namespace);
        fd_close(launch->init_program);
        launch_forget_host_place(&launch->host);
        fd_close(launch->sockets[0]);
        fd_close(launch->sockets[1]);
        fd_close(launch->pidfd);
        fd_close(launch->network_namespace);
        fd_close(launch->terminal);
        fd_close(launch->terminal_slave);
        fd_close(launch->notify_socket);
        fd_close(launch->image_lock);
        fd_close(launch->lock);
        state_store_close(&launch->store);
        free(launch);
}

int launch_save(struct launch *launch, enum machine_state state, struct machine_error *error)
{
        launch->record.state = state;
        return state_save(&launch->store, &launch->record, error);
}

static bool leaves_something(const struct launch_step *step, const struct launch *launch)
{
        return step->collect && launch_step_wanted(step, launch) &&
               (!step->leaves || step->leaves(launch));
}

/* What a successor has to undo is on record, all of it at once, before anything of it exists. */
static int record_steps(struct launch *launch, struct machine_error *error)
{
        for (const struct launch_step *step = launch_parent_steps; step->name; step++) {
                if (leaves_something(step, launch) &&
                    strv_append(&launch->record.steps, step->name) < 0) {
                        return error_oom(error);
                }
        }
        return launch_save(launch, MACHINE_STATE_STARTING, error);
}

static int set_up(struct launch *launch, const struct launch_step *step,
                  struct machine_error *error)
{
        int r = 0;

        if (leaves_something(step, launch) && !launch->record.steps) {
                r = record_steps(launch, error);
        }
        if (r == 0) {
                r = launch_inject_fault(step->name, error);
        }
        return r < 0 ? r : step->set_up(launch, error);
}

/* Undoes steps in reverse; each is tried, the first failure is told. */
static int tear_down(struct launch *launch, struct machine_error *error)
{
        int result = 0;

        while (launch->steps_done > 0) {
                const struct launch_step *step = &launch_parent_steps[--launch->steps_done];
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                int r;

                if (!step->tear_down || !launch_step_wanted(step, launch)) {
                        continue;
                }
                r = step->tear_down(launch, &failure);
                log_debug(launch->options.log, "undo %s: %s", step->name,
                          r < 0 ? "failed" : "done");
                if (r < 0 && result == 0) {
                        error_step(&failure, step->name);
                        error_move(error, &failure);
                        result = r;
                }
        }
        return result;
}

/* A failed start: the reason stays what the user is told, what undoing it met is a warning. */
static void undo_failed(struct launch *launch, const struct machine_error *reason)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

        launch->record.state = MACHINE_STATE_FAILED;
        (void)string_replace(&launch->record.reason, reason ? reason->message : NULL);

        if (tear_down(launch, &failure) < 0) {
                log_warning(launch->options.log, "undoing the start: %s", failure.message);
        }
        launch_free(launch);
}

/* Runs the steps up to the one named `end`, or all. On failure everything is undone. */
static int run_steps(struct launch *launch, const char *end, struct machine_error *error)
{
        for (const struct launch_step *step = launch_parent_steps; step->name; step++) {
                int r = 0;

                if (end && strcmp(step->name, end) == 0) {
                        break;
                }
                if (launch_step_wanted(step, launch)) {
                        r = set_up(launch, step, error);
                        log_debug(launch->options.log, "%s: %s", step->name,
                                  r < 0 ? "failed" : "done");
                }
                /* A step that failed is undone as well: it may have got half-way. */
                launch->steps_done++;
                if (r < 0) {
                        error_step(error, step->name);
                        launch_prefer_error_of_child(launch, error);
                        undo_failed(launch, error);
                        return r;
                }
        }
        return 0;
}

int launch_start(struct machine *machine, const struct launch_options *options, struct launch **ret,
                 struct machine_error *error)
{
        _Alignas(16) char stack[MAKER_STACK_SIZE];
        struct launch *launch = launch_new(machine, options, stack);
        int r = launch ? run_steps(launch, NULL, error) : error_oom(error);

        if (r == 0) {
                *ret = launch;
        }
        return r;
}

int launch_create(struct machine *machine, const struct launch_options *options,
                  struct machine_error *error)
{
        _Alignas(16) char stack[MAKER_STACK_SIZE];
        struct launch_options own = *options;
        struct launch *launch;
        int r;

        own.keep_record = true;
        launch = launch_new(machine, &own, stack);
        r = launch ? run_steps(launch, "clone", error) : error_oom(error);
        if (r < 0) {
                return r;
        }
        launch->record.state = MACHINE_STATE_CREATED;
        launch->record.started_usec = 0;
        launch->record.supervisor = (struct process_identity){ 0 };
        return launch_finish(launch, error);
}

int launch_pidfd(const struct launch *launch)
{
        return launch->pidfd;
}

int launch_terminal(const struct launch *launch)
{
        return launch->terminal;
}

int launch_notify_socket(const struct launch *launch)
{
        return launch->notify_socket;
}

const struct cgroup *launch_cgroup(const struct launch *launch)
{
        return &launch->cgroup;
}

const char *launch_machine_id(const struct launch *launch)
{
        return launch->machine_id;
}

const struct log *launch_log(const struct launch *launch)
{
        return launch->options.log;
}

struct machine_record *launch_record(struct launch *launch)
{
        return &launch->record;
}

int launch_signal(struct launch *launch, int signal)
{
        return syscall(SYS_pidfd_send_signal, launch->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int launch_kill(struct launch *launch)
{
        int r = cgroup_kill(&launch->cgroup, NULL);

        /* The first process takes the rest of its pid namespace along. */
        return r < 0 ? launch_signal(launch, SIGKILL) : r;
}

/* reboot(2) in a pid namespace ends its init as by a signal: SIGHUP for a restart, SIGINT for power
 * off or halt. */
static void take_reboot(struct launch *launch, const siginfo_t *info)
{
        if (!launch->machine->process.boot || info->si_code != CLD_KILLED) {
                return;
        }
        if (info->si_status == SIGINT) {
                launch->exit_status = 0;
        }
        launch->reboot = info->si_status == SIGHUP;
}

int launch_reap(struct launch *launch)
{
        siginfo_t info = { 0 };

        if (launch->reaped) {
                return launch->exit_status;
        }
        while (waitid(P_PID, (id_t)launch->pid, &info, WEXITED) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        launch->reaped = true;
        launch->exit_status = process_exit_status(info.si_code, info.si_status);
        take_reboot(launch, &info);
        return launch->exit_status;
}

bool launch_wants_reboot(const struct launch *launch)
{
        return launch->reboot;
}

int launch_finish(struct launch *launch, struct machine_error *error)
{
        int r;

        if (!launch) {
                return 0;
        }
        r = tear_down(launch, error);
        launch_free(launch);
        return r;
}

static const struct launch_step *find_step(const char *name)
{
        for (const struct launch_step *step = launch_parent_steps; step->name; step++) {
                if (strcmp(step->name, name) == 0) {
                        return step;
                }
        }
        return NULL;
}

int launch_undo(const struct launch_directories *directories, const struct machine_record *record,
                const struct log *log, struct machine_error *error)
{
        for (size_t i = strv_length(record->steps); i > 0; i--) {
                const struct launch_step *step = find_step(record->steps[i - 1]);
                int r;

                if (!step || !step->collect) {
                        return error_say(
                                error, EBADMSG,
                                "the state of machine \"%s\" names a step \"%s\" that this "
                                "program cannot undo",
                                record->name, record->steps[i - 1]);
                }
                r = step->collect(directories, record, error);
                log_debug(log, "collect %s of a crashed start: %s", step->name,
                          r < 0 ? "failed" : "done");
                if (r < 0) {
                        error_prefix(error, "undoing a crashed start of machine \"%s\"",
                                     record->name);
                        error_step(error, step->name);
                        return r;
                }
        }
        return 0;
}

int launch_collect(const struct launch_directories *directories, const struct state_store *store,
                   const struct machine_record *record, const struct log *log,
                   struct machine_error *error)
{
        int r = launch_undo(directories, record, log, error);

        return r < 0 ? r : state_remove(store, record->name, error);
}

void launch_list_steps(const struct machine *machine, const struct launch_options *options,
                       void (*tell)(const char *step, bool child, void *data), void *data)
{
        /* The steps ask for the definition and the options, which they do not change. */
        const struct launch launch = { .machine = (struct machine *)machine, .options = *options };

        for (const struct launch_step *step = launch_parent_steps; step->name; step++) {
                if (launch_step_wanted(step, &launch)) {
                        tell(step->name, false, data);
                }
        }
        for (const struct launch_step *step = launch_child_steps; step->name; step++) {
                if (launch_step_wanted(step, &launch)) {
                        tell(step->name, true, data);
                }
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "launch/context.h"

static struct launch *launch_new(struct machine *machine, const struct launch_options *options,
                                 const struct launch_step *steps, char *stack)
{
        struct launch *launch = calloc(1, sizeof *launch);

        if (!launch) {
                return NULL;
        }
        launch->machine = machine;
        launch->options = *options;
        launch->steps = steps;
        launch->by_user = !caller_is_root();
        launch->store = (struct state_store)STATE_STORE_INIT;
        launch->image_lock = -EBADF;
        launch->lock = -EBADF;
        launch->runtime_lock = -EBADF;
        launch->trees = -EBADF;
        launch->ids = (struct id_lease)ID_LEASE_INIT;
        launch->pod = (struct pod_namespaces)POD_NAMESPACES_INIT;
        launch->user_namespace = -EBADF;
        launch->init_program = -EBADF;
        launch->host = (struct host_place)HOST_PLACE_INIT;
        launch->maker = (struct maker){ .stack = stack,
                                        .pid_namespace = -EBADF,
                                        .ipc = -EBADF,
                                        .uts = -EBADF,
                                        .network_namespace = -EBADF,
                                        .pidfd = -EBADF };
        launch->cgroup = (struct cgroup)CGROUP_INIT;
        launch->sockets[0] = launch->sockets[1] = -EBADF;
        launch->waiting = -EBADF;
        launch->time_namespace = -EBADF;
        for (size_t i = 0; i < ELEMENTS_OF(launch->own_namespaces); i++) {
                launch->own_namespaces[i] = -EBADF;
        }
        launch->pidfd = -EBADF;
        launch->network_namespace = -EBADF;
        launch->terminal = -EBADF;
        launch->terminal_slave = -EBADF;
        launch->notify_socket = -EBADF;
        launch->agent = launch->agent_text = -EBADF;
        launch->status_event = -EBADF;
        launch->beside = -EBADF;
        launch->restored.criu = (struct criu)CRIU_INIT;
        return launch;
}

void launch_warn(const struct launch *launch, const char *message)
{
        const struct launch_container *container = launch->options.container;

        if (container) {
                container->warn(container->data, message);
        } else {
                log_warning(launch->options.log, "%s", message);
        }
}

void launch_free(struct launch *launch)
{
        rootfs_free(launch->rootfs);
        launch_free_volumes(launch);
        (void)launch_leave_pod(launch, NULL);
        network_free(launch->network);
        cgroup_release(&launch->cgroup);
        id_lease_release(&launch->ids);
        free(launch->kept_groups);
        seccomp_program_free(&launch->filter);
        machine_record_clear(&launch->record);
        machine_user_clear(&launch->user);
        strv_free(launch->environment);
        free(launch->machine_id);
        criu_end(&launch->restored.criu);
        strv_free(launch->restored.points);
        fd_close(launch->user_namespace);
        fd_close(launch->init_program);
        launch_forget_host_place(&launch->host);
        fd_close(launch->sockets[0]);
        fd_close(launch->sockets[1]);
        fd_close(launch->waiting);
        fd_close(launch->time_namespace);
        fd_close(launch->maker.pid_namespace);
        fd_close(launch->pidfd);
        fd_close(launch->network_namespace);
        fd_close(launch->terminal);
        fd_close(launch->terminal_slave);
        fd_close(launch->notify_socket);
        fd_close(launch->agent);
        fd_close(launch->agent_text);
        fd_close(launch->status_event);
        fd_close(launch->image_lock);
        fd_close(launch->runtime_lock);
        fd_close(launch->trees);
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

int launch_record_steps(struct launch *launch, struct machine_error *error)
{
        if (launch->options.rehearsal) {
                return 0;
        }
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
                r = launch_record_steps(launch, error);
        }
        if (r == 0) {
                r = launch_inject_fault(step->name, error);
        }
        return r < 0 ? r : step->set_up(launch, error);
}

/* Undoes steps in reverse. All are tried; the first failure is returned. */
static int tear_down(struct launch *launch, struct machine_error *error)
{
        int result = 0;

        while (launch->steps_done > 0) {
                const struct launch_step *step = &launch->steps[--launch->steps_done];
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

/* Undoes a failed start. The user gets the reason of the failure; errors of undoing it are
 * warnings. */
static void undo_failed(struct launch *launch, const struct machine_error *reason)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

        launch->record.state = MACHINE_STATE_FAILED;
        (void)string_replace(&launch->record.reason, reason ? reason->message : NULL);

        if (tear_down(launch, &failure) < 0) {
                log_warning(launch->options.log, "cannot undo the start completely: %s",
                            failure.message);
        }
        launch_free(launch);
}

/* Runs the steps up to the one named `end`, or all. Undoes everything on failure. */
static int run_steps(struct launch *launch, const char *end, struct machine_error *error)
{
        for (const struct launch_step *step = launch->steps; step->name; step++) {
                int r = 0;

                if (end && strcmp(step->name, end) == 0) {
                        break;
                }
                if (launch_step_wanted(step, launch)) {
                        r = set_up(launch, step, error);
                        log_debug(launch->options.log, "%s: %s", step->name,
                                  r < 0 ? "failed" : "done");
                }
                /* A failed step is undone as well: it may be half done. */
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

int launch_run(struct machine *machine, const struct launch_options *options,
               const struct launch_step *steps, const char *end, char *stack, struct launch **ret,
               struct machine_error *error)
{
        struct launch *launch = launch_new(machine, options, steps, stack);
        int r = launch ? run_steps(launch, end, error) : error_oom(error);

        if (r == 0) {
                *ret = launch;
        }
        return r;
}

int launch_start(struct machine *machine, const struct launch_options *options, struct launch **ret,
                 struct machine_error *error)
{
        _Alignas(16) char stack[MAKER_STACK_SIZE];

        return launch_run(machine, options, launch_parent_steps, NULL, stack, ret, error);
}

int launch_create(struct machine *machine, const struct launch_options *options,
                  struct machine_error *error)
{
        _Alignas(16) char stack[MAKER_STACK_SIZE];
        struct launch_options own = *options;
        struct launch *launch = NULL;
        int r;

        own.keep_record = true;
        own.creation = true;
        r = launch_run(machine, &own, launch_parent_steps, "clone", stack, &launch, error);
        if (r < 0) {
                return r;
        }
        launch->record.state = MACHINE_STATE_CREATED;
        launch->record.started_usec = 0;
        launch->record.supervisor = (struct process_identity){ 0 };
        launch->store.unlogged = false;
        return launch_finish(launch, error);
}

int launch_rehearse(struct machine *machine, const struct launch_options *options,
                    struct machine_error *error)
{
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        const struct launch_options own = {
                .directories = options->directories,
                .rehearsal = true,
                .current_image = options->current_image,
                /* A root that is written to in place has no separate layer to keep or discard. */
                .ephemeral = machine->root.upper != MACHINE_UPPER_IN_PLACE,
                .streams = { null, null, null },
        };
        struct launch *launch = NULL;
        int r = null < 0 ? error_set(error, errno, "cannot open /dev/null") : 0;

        if (r == 0) {
                r = launch_start(machine, &own, &launch, error);
        }
        return r < 0 ? r : launch_finish(launch, error);
}

int launch_pidfd(const struct launch *launch)
{
        return launch->pidfd;
}

int launch_terminal(const struct launch *launch)
{
        return launch->terminal;
}

int launch_status_event(const struct launch *launch)
{
        return launch->status_event;
}

int launch_take_status(struct launch *launch)
{
        eventfd_t value;

        if (eventfd_read(launch->status_event, &value) < 0) {
                return -errno;
        }
        /* The stub is in the machine: only the form of what it sends is trusted. */
        if (value < 1 || value > UINT8_MAX + 1) {
                return -EBADMSG;
        }
        launch->exit_status = (int)value - 1;
        return launch->exit_status;
}

int launch_bequeath(struct launch *launch, struct machine_error *error)
{
        launch->lock = state_lock(&launch->store, launch->record.name, error);
        launch->inherited = launch->lock >= 0;
        if (launch->lock < 0) {
                return launch->lock;
        }
        if (launch->network) {
                network_unpublish(launch->network);
        }
        return 0;
}

int launch_notify_socket(const struct launch *launch)
{
        return launch->notify_socket;
}

const struct rootfs *launch_root(const struct launch *launch)
{
        return launch->rootfs;
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

const char *launch_runtime_directory(const struct launch *launch)
{
        return launch->options.directories.runtime;
}

bool launch_follows_resolver(const struct launch *launch)
{
        return rootfs_follows_resolver(launch->rootfs);
}

int launch_update_resolver(struct launch *launch)
{
        return rootfs_update_resolver(launch->rootfs);
}

struct machine_record *launch_record(struct launch *launch)
{
        return &launch->record;
}

int launch_signal(struct launch *launch, int signal)
{
        return syscall(SYS_pidfd_send_signal, launch->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* Frozen processes handle no signal except SIGKILL. */
#define THAW_TIMEOUT UINT64_C(5000000)

int launch_thaw(struct launch *launch, struct machine_error *error)
{
        return cgroup_is_frozen(&launch->cgroup) > 0
                       ? cgroup_freeze(&launch->cgroup, false, THAW_TIMEOUT, error)
                       : 0;
}

int launch_ask_to_end(struct launch *launch, enum machine_state state, int signal,
                      struct machine_error *error)
{
        _cleanup_close_ int lock = state_lock(&launch->store, launch->record.name, error);
        int r;

        (void)launch_save(launch, state, NULL);
        (void)launch_signal(launch, signal);
        r = launch_thaw(launch, error);
        return lock < 0 ? lock : r;
}

int launch_kill(struct launch *launch)
{
        int r = cgroup_kill(&launch->cgroup, NULL);

        /* The death of the first process ends its pid namespace. */
        return r < 0 ? launch_signal(launch, SIGKILL) : r;
}

/* reboot(2) in a pid namespace ends its init with a signal: SIGHUP for a restart, SIGINT for power
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
                        return error_say(error, EBADMSG,
                                         "the state of machine \"%s\" contains a step \"%s\" that "
                                         "this version cannot undo",
                                         record->name, record->steps[i - 1]);
                }
                r = launch_inject_fault(step->name, error);
                if (r == 0) {
                        r = step->collect(directories, record, error);
                }
                log_debug(log, "collect %s: %s", step->name, r < 0 ? "failed" : "done");
                if (r < 0) {
                        error_prefix(error,
                                     "cannot clean up after a crashed start of machine \"%s\"",
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

static void list_table(const struct launch *launch, const struct launch_step *steps, bool child,
                       void (*tell)(const struct launch_told *step, void *data), void *data)
{
        for (const struct launch_step *step = steps; step->name; step++) {
                const struct launch_told told = { step->name, child, &step->words };

                if (launch_step_wanted(step, launch)) {
                        tell(&told, data);
                }
        }
}

void launch_list_steps(const struct machine *machine, const struct launch_options *options,
                       void (*tell)(const struct launch_told *step, void *data), void *data)
{
        /* The steps only read the definition, the options, and who starts it. */
        const struct launch launch = {
                .machine = (struct machine *)machine,
                .options = *options,
                .by_user = !caller_is_root(),
        };

        list_table(&launch, launch_parent_steps, false, tell, data);
        list_table(&launch, launch_child_steps, true, tell, data);
}

/* How much of the path a place covers; 0: it does not. */
static size_t covers(const char *place, size_t length, const char *point)
{
        bool below = length > 1 && place[length - 1] == '/';

        if (strncmp(place, point, length) != 0) {
                return 0;
        }
        return (below ? point[length] != '\0' : point[length] == '\0') ||
                               (!below && length > 1 && point[length] == '/')
                       ? length
                       : 0;
}

static size_t covers_any(const char *places, const char *point)
{
        size_t most = 0;

        while (places && *places) {
                size_t length = strcspn(places, " ");
                size_t covered = covers(places, length, point);

                most = covered > most ? covered : most;
                places += length;
                places += *places == ' ';
        }
        return most;
}

const char *launch_step_that_mounts(const char *point)
{
        const char *name = NULL;
        size_t most = 0;

        for (const struct launch_step *step = launch_child_steps; step->name; step++) {
                size_t covered = covers_any(step->words.places, point);

                if (covered > most) {
                        most = covered;
                        name = step->name;
                }
        }
        return name;
}

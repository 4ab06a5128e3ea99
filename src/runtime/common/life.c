/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/life.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "cgroup/tree/tree.h"
#include "runtime/common/notify.h"
#include "runtime/common/steps.h"

/* How long, in milliseconds, a killed process may take to end: more means that it hangs in the
 * kernel. */
#define KILL_TIMEOUT 10000

/* ---- start ---- */

struct starting {
        const struct runtime *runtime;
        const char *id;
        struct container container;
        int notify; /* the socket for readiness, or -EBADF */
        bool begun; /* the program runs */
};

/* A container can be created without a program. */
static int check_program(const struct container *container, struct machine_error *error)
{
        int r = launch_has_program(&container->store, &container->record, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        error_say(error, EINVAL, "cannot start container \"%s\": its config.json has no `process`",
                  container->record.name);
        error_hint(error, "delete it, and create it again with a program");
        return -EINVAL;
}

static int open_to_start(void *data, struct machine_error *error)
{
        struct starting *starting = data;
        int r = container_open(starting->runtime, starting->id, true, &starting->container, error);

        if (r == 0 && starting->container.status != OCI_CREATED) {
                r = container_refuse(&starting->container, "start", error);
        }
        return r < 0 ? r : check_program(&starting->container, error);
}

static int listen_for_readiness(void *data, struct machine_error *error)
{
        struct starting *starting = data;

        return notify_open(&starting->container, &starting->notify, error);
}

/* Before it runs: whatever happens to this process, nobody starts it twice. If it does not come to
 * run, launch_waits() tells. */
static int record_start(void *data, struct machine_error *error)
{
        struct container *container = &((struct starting *)data)->container;

        container->record.state = MACHINE_STATE_RUNNING;
        return state_save(&container->store, &container->record, error);
}

static int begin(void *data, struct machine_error *error)
{
        struct starting *starting = data;
        const struct container *container = &starting->container;
        int r = launch_begin(&container->store, &container->record, error);

        starting->begun = r == 0;
        return r;
}

/* From here the container is nobody's: it may be changed, and deleted, while a hook runs. */
static int run_poststart(void *data, struct machine_error *error)
{
        struct container *container = &((struct starting *)data)->container;
        _cleanup_oci_bundle_ struct oci_bundle configuration = { 0 };
        int r = container_hooks(container, OCI_HOOK_POSTSTART, &configuration, error);
        struct oci_state state;

        if (r <= 0) {
                return r;
        }
        state = container_state(container, &configuration);
        state.status = OCI_RUNNING;
        container->lock = fd_close(container->lock);
        return container_run_hooks(&configuration, OCI_HOOK_POSTSTART, &state, error);
}

static const struct step start_steps[] = {
        { "start-open", open_to_start },      { "start-notify", listen_for_readiness },
        { "start-record", record_start },     { "start-begin", begin },
        { "start-poststart", run_poststart }, { 0 },
};

int life_start(const struct runtime *runtime, const char *id, int *ret_notify,
               struct machine_error *error)
{
        struct starting starting = {
                .runtime = runtime,
                .id = id,
                .container = CONTAINER_INIT,
                .notify = -EBADF,
        };
        int r = steps_run(runtime, start_steps, &starting, error);

        /* A start that failed leaves no program that runs. */
        if (r < 0 && starting.begun) {
                (void)syscall(SYS_pidfd_send_signal, starting.container.process, SIGKILL, NULL, 0);
        }
        if (r == 0 && ret_notify) {
                *ret_notify = TAKE_FD(starting.notify);
        } else if (r == 0 && starting.notify >= 0) {
                /* The same. */
                starting.container.lock = fd_close(starting.container.lock);
                notify_await(starting.notify, &starting.container);
        }
        fd_close(starting.notify);
        container_close(&starting.container);
        return r;
}

/* ---- delete ---- */

struct deleting {
        const struct runtime *runtime;
        struct container *container;
        struct oci_bundle configuration;
        bool hooked;
};

/* They are found while the container is there. */
static int find_poststop(void *data, struct machine_error *error)
{
        struct deleting *deleting = data;

        deleting->hooked = container_hooks(deleting->container, OCI_HOOK_POSTSTOP,
                                           &deleting->configuration, NULL) > 0;
        return 0;
}

static int end_first_process(const struct container *container, struct machine_error *error)
{
        struct pollfd ended = { .fd = container->process, .events = POLLIN };

        if (container->process < 0) {
                return 0;
        }
        (void)syscall(SYS_pidfd_send_signal, container->process, SIGKILL, NULL, 0);
        if (poll(&ended, 1, KILL_TIMEOUT) == 1) {
                return 0;
        }
        error_say(error, ETIMEDOUT, "the first process (%d) of container \"%s\" does not end",
                  container->record.init.pid, container->record.name);
        error_hint(error, "it hangs in the kernel: see /proc/%d/stack", container->record.init.pid);
        return -ETIMEDOUT;
}

static int end_process(void *data, struct machine_error *error)
{
        return end_first_process(((struct deleting *)data)->container, error);
}

static int undo(void *data, struct machine_error *error)
{
        const struct deleting *deleting = data;
        const struct launch_directories directories = container_directories(deleting->runtime);

        return launch_undo(&directories, &deleting->container->record, &deleting->runtime->log,
                           error);
}

/* The container is gone by then, and a hook that fails is worth a warning. */
static int run_poststop(void *data, struct machine_error *error)
{
        const struct deleting *deleting = data;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        struct oci_state state;

        if (!deleting->hooked) {
                return 0;
        }
        state = container_state(deleting->container, &deleting->configuration);
        state.status = OCI_STOPPED;
        state.pid = 0;
        if (container_run_hooks(&deleting->configuration, OCI_HOOK_POSTSTOP, &state, &failure) <
            0) {
                runtime_warn(deleting->runtime, failure.message);
        }
        return 0;
}

static int remove_record(void *data, struct machine_error *error)
{
        const struct container *container = ((struct deleting *)data)->container;

        return state_remove_record(&container->store, &container->record, error);
}

static const struct step delete_steps[] = {
        { "delete-hooks", find_poststop },
        { "delete-end", end_process },
        { "delete-undo", undo },
        { "delete-poststop", run_poststop },
        { "delete-record", remove_record },
        { 0 },
};

/* A creator that is still at work ends with what it has made so far. */
static void end_creator(const struct container *container)
{
        _cleanup_close_ int creator = container->record.supervisor.pid > 0
                                              ? process_open(&container->record.supervisor)
                                              : -ESRCH;
        struct pollfd ended = { .fd = creator, .events = POLLIN };

        if (creator >= 0) {
                (void)syscall(SYS_pidfd_send_signal, creator, SIGKILL, NULL, 0);
                (void)poll(&ended, 1, KILL_TIMEOUT);
        }
}

/* Who creates or starts a container has its lock, and may wait for a hook that does not end. */
static void break_lock(const struct runtime *runtime, const char *id)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;

        if (container_open(runtime, id, false, &container, NULL) < 0) {
                return;
        }
        if (container.status == OCI_CREATING) {
                end_creator(&container);
        } else {
                (void)end_first_process(&container, NULL);
        }
}

int life_delete(const struct runtime *runtime, const char *id, bool force,
                struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        struct deleting deleting = { .runtime = runtime };
        int r;

        if (force) {
                break_lock(runtime, id);
        }
        r = container_open(runtime, id, true, &container, error);
        if (r == -ENOENT && force) {
                machine_error_clear(error);
                return 0;
        }
        if (r < 0) {
                return r;
        }
        /* What was created and never started needs no force, as with other runtimes. */
        if (!force && container.status != OCI_STOPPED && container.status != OCI_CREATED) {
                r = container_refuse(&container, "delete", error);
                error_hint(error, "kill it first, or delete it with --force");
                return r;
        }
        deleting.container = &container;
        r = steps_run(runtime, delete_steps, &deleting, error);
        oci_bundle_clear(&deleting.configuration);
        return r;
}

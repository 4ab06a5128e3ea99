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

/* How long, in milliseconds, a killed process may take to end: more means that it hangs in the
 * kernel. */
#define KILL_TIMEOUT 10000

/* ---- start ---- */

/* The container ends if it fails. */
static int run_poststart(const struct container *container, struct machine_error *error)
{
        _cleanup_oci_bundle_ struct oci_bundle configuration = { 0 };
        int r = container_hooks(container, OCI_HOOK_POSTSTART, &configuration, error);
        struct oci_state state;

        if (r <= 0) {
                return r;
        }
        state = container_state(container, &configuration);
        state.status = OCI_RUNNING;
        r = container_run_hooks(&configuration, OCI_HOOK_POSTSTART, &state, error);
        if (r < 0) {
                (void)syscall(SYS_pidfd_send_signal, container->process, SIGKILL, NULL, 0);
        }
        return r;
}

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

int life_start(const struct runtime *runtime, const char *id, int *ret_notify,
               struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_close_ int notify = -EBADF;
        int r = container_open(runtime, id, true, &container, error);

        if (r == 0 && container.status != OCI_CREATED) {
                r = container_refuse(&container, "start", error);
        }
        if (r == 0) {
                r = check_program(&container, error);
        }
        if (r == 0) {
                r = notify_open(&container, &notify, error);
        }
        if (r < 0) {
                return r;
        }
        /* Before it runs: whatever happens to this process, nobody starts it twice. If it does not
         * come to run, launch_waits() tells. */
        container.record.state = MACHINE_STATE_RUNNING;
        r = state_save(&container.store, &container.record, error);
        if (r == 0) {
                r = launch_begin(&container.store, &container.record, error);
        }
        if (r == 0) {
                r = run_poststart(&container, error);
        }
        if (r < 0) {
                return r;
        }
        if (ret_notify) {
                *ret_notify = TAKE_FD(notify);
        } else if (notify >= 0) {
                /* Whoever wants to change it in the meantime may. */
                container.lock = fd_close(container.lock);
                notify_await(notify, &container);
        }
        return 0;
}

/* ---- delete ---- */

static int end_process(const struct container *container, struct machine_error *error)
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

/* The container is gone by then, and a hook that fails is worth a warning. */
static void run_poststop(const struct runtime *runtime, const struct oci_bundle *configuration,
                         const struct container *container)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct oci_state state = container_state(container, configuration);

        state.status = OCI_STOPPED;
        state.pid = 0;
        if (container_run_hooks(configuration, OCI_HOOK_POSTSTOP, &state, &error) < 0) {
                runtime_warn(runtime, error.message);
        }
}

static int destroy(const struct runtime *runtime, struct container *container,
                   struct machine_error *error)
{
        const struct launch_directories directories = container_directories(runtime);
        _cleanup_oci_bundle_ struct oci_bundle configuration = { 0 };
        bool hooked = container_hooks(container, OCI_HOOK_POSTSTOP, &configuration, NULL) > 0;
        int r = end_process(container, error);

        if (r == 0) {
                r = launch_undo(&directories, &container->record, &runtime->log, error);
        }
        if (r < 0) {
                return r;
        }
        if (hooked) {
                run_poststop(runtime, &configuration, container);
        }
        return state_remove_record(&container->store, &container->record, error);
}

int life_delete(const struct runtime *runtime, const char *id, bool force,
                struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        int r;

        if (force) {
                _cleanup_container_ struct container seen = CONTAINER_INIT;

                /* The lock is its creator's until that has ended. */
                if (container_open(runtime, id, false, &seen, NULL) == 0 &&
                    seen.status == OCI_CREATING) {
                        end_creator(&seen);
                }
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
        return destroy(runtime, &container, error);
}

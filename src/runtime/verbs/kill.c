/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/signal_name.h"
#include "cgroup/tree/processes.h"
#include "cgroup/tree/tree.h"
#include "runtime/common/container.h"

static int signal_first(const struct container *container, int signal, struct machine_error *error)
{
        if (container->status == OCI_STOPPED || container->status == OCI_CREATING) {
                return container_refuse(container, "signal", error);
        }
        if (syscall(SYS_pidfd_send_signal, container->process, signal, NULL, 0) < 0) {
                return error_set(error, errno, "cannot signal container \"%s\"",
                                 container->record.name);
        }
        return 0;
}

static int signal_one(void *data, pid_t pid)
{
        const int *signal = data;

        return kill(pid, *signal) < 0 && errno != ESRCH ? -errno : 0;
}

/* Processes outlive the first one if the container has no pid namespace of its own. */
static int signal_all(const struct container *container, int signal, struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        int r;

        if (!container->record.cgroup) {
                return signal_first(container, signal, error);
        }
        r = cgroup_open(container->record.cgroup, &group, error);
        if (r == -ENOENT) {
                return container_refuse(container, "signal", error);
        }
        if (r < 0) {
                return r;
        }
        if (signal == SIGKILL) {
                return cgroup_kill(&group, error);
        }
        r = cgroup_for_each_process(&group, signal_one, &signal);
        return r < 0 ? error_set(error, r, "cannot signal the processes of container \"%s\"",
                                 container->record.name)
                     : 0;
}

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        const char *name = arguments->count > 1 ? arguments->rest[1] : "SIGTERM";
        int signal = signal_parse(name);
        int r = container_open(runtime, arguments->rest[0], false, &container, error);

        if (r < 0) {
                return r;
        }
        if (signal <= 0) {
                error_say(error, EINVAL, "unknown signal \"%s\"", name);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return arguments_has(arguments, ARGUMENT_ALL) ? signal_all(&container, signal, error)
                                                      : signal_first(&container, signal, error);
}

const struct verb verb_kill = {
        .name = "kill",
        .arguments = "ID [SIGNAL]",
        .summary = "Send a signal, default SIGTERM, to the first process of a container",
        .options = ARGUMENT_BIT(ARGUMENT_ALL),
        .minimum = 1,
        .maximum = 2,
        .run = run,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/error.h"
#include "cgroup/tree/tree.h"
#include "runtime/common/container.h"

#define FREEZE_TIMEOUT UINT64_C(10000000)

static int freeze(const struct runtime *runtime, const char *id, bool freeze,
                  struct machine_error *error)
{
        const char *verb = freeze ? "pause" : "resume";
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        int r = container_open(runtime, id, true, &container, error);

        if (r < 0) {
                return r;
        }
        if (container.status != (freeze ? OCI_RUNNING : OCI_PAUSED) &&
            !(freeze && container.status == OCI_CREATED)) {
                return container_refuse(&container, verb, error);
        }
        r = container_group(&container, verb, &group, error);
        return r < 0 ? r : cgroup_freeze(&group, freeze, FREEZE_TIMEOUT, error);
}

static int run_pause(const struct runtime *runtime, const struct arguments *arguments,
                     struct machine_error *error)
{
        return freeze(runtime, arguments->rest[0], true, error);
}

static int run_resume(const struct runtime *runtime, const struct arguments *arguments,
                      struct machine_error *error)
{
        return freeze(runtime, arguments->rest[0], false, error);
}

const struct verb verb_pause = {
        .name = "pause",
        .arguments = "ID",
        .summary = "Suspend all processes of a container",
        .minimum = 1,
        .maximum = 1,
        .run = run_pause,
};

const struct verb verb_resume = {
        .name = "resume",
        .arguments = "ID",
        .summary = "Let a container run again that was paused",
        .minimum = 1,
        .maximum = 1,
        .run = run_resume,
};

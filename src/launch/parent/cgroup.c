/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine's control group and its limits. */

#include <errno.h>

#include "base/error.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cgroup/limits/devices.h"
#include "cgroup/limits/limits.h"
#include "cgroup/tree/mount.h"
#include "launch/context.h"
#include "launch/steps.h"

bool launch_has_group_of_own(const struct launch *launch)
{
        return !launch_is_container(launch);
}

bool launch_has_group(const struct launch *launch)
{
        return launch_has_group_of_own(launch) || launch_wants_group(launch) ||
               launch_wants_scope(launch) || launch->options.container->limited;
}

/* A container's root gets its group only if the bundle says so. */
static bool is_delegated(const struct launch *launch)
{
        return launch_is_container(launch) ? launch->options.container->owns_cgroup
                                           : launch_has_user_namespace(launch);
}

/* A service manager needs groups for its services. */
static int refuse_to_boot(struct machine_error *error)
{
        error_say(error, ENODEV,
                  "\"boot\" needs a control group, and none was delegated to the user");
        error_hint(error, "start the machine as a service of the user's manager: systemctl --user "
                          "start container@NAME");
        return -ENODEV;
}

int launch_set_up_cgroup(struct launch *launch, struct machine_error *error)
{
        const struct cgroup_parameters parameters = {
                .name = launch->machine->name,
                .above = launch->pod.group,
                .by_user = launch->by_user,
                .boots = launch->machine->process.boot,
        };
        int r = cgroup_create(&parameters, &launch->cgroup, error);

        if (r == 0 && string_replace(&launch->record.cgroup, launch->cgroup.path) < 0) {
                r = error_oom(error);
        }
        if (r == 0 && launch->machine->process.boot && !launch->cgroup.path) {
                return refuse_to_boot(error);
        }
        return r;
}

/* Sets the limits of the group and its subtree before the payload starts. */
int launch_set_up_limits(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        _cleanup_strv_ char **warnings = NULL;
        int r = is_delegated(launch) && launch->cgroup.path
                        ? cgroup_delegate(&launch->cgroup, launch_root_uid(launch),
                                          launch_root_gid(launch), error)
                        : 0;

        /* The limits of a pod are those of its members. */
        if (r == 0 && !launch_holds_pod(launch)) {
                r = cgroup_apply_limits(&launch->cgroup, &machine->limits, &warnings, error);
        }
        /* A user's machine can make no node, and has only those that the user may open. */
        if (r == 0 && !launch->by_user && launch->cgroup.path) {
                r = machine->bare
                            ? cgroup_restrict_devices_by(&launch->cgroup, &machine->limits, error)
                            : cgroup_restrict_devices(&launch->cgroup, machine->devices,
                                                      machine->device_count, error);
        }
        STRV_FOREACH(warning, warnings) {
                launch_warn(launch, *warning);
        }
        return r;
}

int launch_tear_down_cgroup(struct launch *launch, struct machine_error *error)
{
        return launch->cgroup.path ? cgroup_remove(&launch->cgroup, CGROUP_REMOVE_TIMEOUT, error)
                                   : 0;
}

int launch_collect_cgroup(const struct launch_directories *directories,
                          const struct machine_record *record, struct machine_error *error)
{
        _cleanup_free_ char *mount = NULL, *path = NULL;
        int r;

        if (record->cgroup) {
                return cgroup_collect(record->cgroup, CGROUP_REMOVE_TIMEOUT, error);
        }
        if (!caller_is_root()) {
                return 0;
        }
        /* It died between writing the record and creating the group, which may exist at its usual
         * path. */
        r = cgroup_find_mount(&mount, error);
        if (r < 0) {
                return r;
        }
        path = string_format("%s/machinectl-lite/%s", mount, record->name);
        return path ? cgroup_collect(path, CGROUP_REMOVE_TIMEOUT, error) : error_oom(error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The limits of all members of a pod together. The group of the pod's own processes is a leaf,
 * which ends with them; the members are in a group beside it, so that they outlive a pod that is
 * killed.
 */

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/limits/limits.h"
#include "launch/context.h"

bool launch_limits_members(const struct launch *launch)
{
        const struct machine_limits *limits = &launch->machine->limits;
        const uint64_t numbers[] = { limits->memory, limits->memory_high, limits->memory_low,
                                     limits->swap,   limits->cpu_quota,   limits->cpu_weight,
                                     limits->tasks,  limits->io_weight };

        if (!launch_holds_pod(launch)) {
                return false;
        }
        for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
                if (numbers[i] != MACHINE_UNSET) {
                        return true;
                }
        }
        return limits->cpus || limits->memory_nodes || limits->io_count || limits->hugepages;
}

int launch_set_up_members_group(struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *path = machine_record_limited_group(&launch->record);
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        _cleanup_strv_ char **warnings = NULL;
        /* Without a group of its own, each limit is an error that says why. */
        int r = path ? cgroup_create_shared(path, &group, error) : 0;

        if (r < 0) {
                return r;
        }
        r = cgroup_apply_limits(&group, &launch->machine->limits, &warnings, error);
        STRV_FOREACH(warning, warnings) {
                launch_warn(launch, *warning);
        }
        if (r < 0 && path) {
                (void)cgroup_remove_shared(path, NULL);
        }
        return r;
}

int launch_tear_down_members_group(struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *path = machine_record_limited_group(&launch->record);

        return path ? cgroup_remove_shared(path, error) : 0;
}

int launch_collect_members_group(const struct launch_directories *directories,
                                 const struct machine_record *record, struct machine_error *error)
{
        _cleanup_free_ char *path =
                machine_record_is_pod(record) ? machine_record_limited_group(record) : NULL;

        (void)directories;
        return path ? cgroup_remove_shared(path, error) : 0;
}

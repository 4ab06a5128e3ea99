/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine's user namespace and its range of ids. */

#include "launch/context.h"
#include "launch/steps.h"

bool launch_wants_user_namespace(const struct launch *launch)
{
        return launch_has_user_namespace(launch);
}

bool launch_wants_id_range(const struct launch *launch)
{
        return launch_has_user_namespace(launch) && launch_is_not_bare(launch);
}

int launch_set_up_id_range(struct launch *launch, struct machine_error *error)
{
        const struct machine_namespaces *given = &launch->machine->namespaces;
        int r;

        /* The ids of the pod. */
        if (launch->pod.user >= 0) {
                return launch_keep_groups(launch, error);
        }
        /* The machine's own previous range is not a conflict. */
        if (!launch->by_user && launch->options.rehearsal &&
            given->user == MACHINE_USER_NAMESPACE_RANGE) {
                launch->ids.range = (struct id_range){ given->user_base, given->user_count };
                return 0;
        }
        r = launch->by_user ? id_range_of_user(given, &launch->ids.range, error)
                            : id_range_acquire(launch->options.directories.runtime, launch->machine,
                                               &launch->ids, error);

        if (r == 0) {
                launch->record.user_base = launch->ids.range.base;
                launch->record.user_count = launch->ids.range.count;
                r = launch_keep_groups(launch, error);
        }
        return r;
}

int launch_tear_down_id_range(struct launch *launch, struct machine_error *error)
{
        id_lease_release(&launch->ids);
        return 0;
}

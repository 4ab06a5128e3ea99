/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Groups that a user's machine keeps, because a device is open to him as their member. Everything
 * else that they may open stays closed to machines, which drop all groups. */

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "launch/context.h"
#include "launch/steps.h"
#include "security/user/user.h"

static int add(gid_t group, gid_t **groups, size_t *count)
{
        gid_t *grown;

        for (size_t i = 0; i < *count; i++) {
                if ((*groups)[i] == group) {
                        return 0;
                }
        }
        grown = reallocarray(*groups, *count + 1, sizeof *grown);
        if (!grown) {
                return -ENOMEM;
        }
        *groups = grown;
        grown[(*count)++] = group;
        return 0;
}

/* Before the start entered the user's namespace, /etc/subgid was checked; a namespace that is older
 * than the line lacks the group. */
static int keep(struct launch *launch, const char *device, gid_t group, struct machine_error *error)
{
        if (launch->pod.user >= 0) {
                error_say(error, EOPNOTSUPP,
                          "devices: %s is open to you as a member of a group, which machines of a "
                          "pod do not have",
                          device);
                error_hint(error, "run the machine without the pod");
                return -EOPNOTSUPP;
        }
        if (group < USER_GROUPS_FIRST) {
                error_say(error, EPERM,
                          "devices: the group of %s is not in the user namespace of your machines, "
                          "which is older than the group's line in /etc/subgid",
                          device);
                error_hint(error, "stop all your machines, and start them again");
                return -EPERM;
        }
        return add(group, &launch->kept_groups, &launch->kept_group_count) < 0 ? error_oom(error)
                                                                               : 0;
}

int launch_keep_groups(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        int r = 0;

        for (size_t i = 0; launch->by_user && i < machine->device_count && r == 0; i++) {
                const char *device = machine->devices[i].source;
                struct stat status;

                if (stat(device, &status) == 0 && group_decides(device, &status)) {
                        r = keep(launch, device, status.st_gid, error);
                }
        }
        return r;
}

int launch_write_id_maps(struct launch *launch, struct machine_error *error)
{
        const struct id_range *range = &launch->ids.range;
        struct machine_id_map users = { 0, range->base, range->count };
        struct machine_id_map *groups = calloc(launch->kept_group_count + 1, sizeof *groups);
        const struct machine_id_maps maps = { &users, 1, groups, launch->kept_group_count + 1 };
        int r;

        if (!groups) {
                return error_oom(error);
        }
        groups[0] = users;
        for (size_t i = 0; i < launch->kept_group_count; i++) {
                groups[i + 1] = (struct machine_id_map){ launch->kept_groups[i],
                                                         launch->kept_groups[i], 1 };
        }
        r = id_maps_write_lines(launch->maker.pid, &maps, error);
        free(groups);
        return r;
}

int launch_add_kept_groups(const struct launch *launch, struct machine_user *user,
                           struct machine_error *error)
{
        for (size_t i = 0; i < launch->kept_group_count; i++) {
                if (add(launch->kept_groups[i], &user->groups, &user->group_count) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

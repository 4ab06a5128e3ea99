/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "base/file.h"
#include "base/quantity.h"
#include "cgroup/tree/processes.h"
#include "cgroup/tree/tree.h"
#include "cgroup/tree/wait.h"

#define PROCESSES_SHOWN 4

int cgroup_is_frozen(const struct cgroup *group)
{
        return cgroup_read_event(group->fd, "frozen");
}

static int explain_timeout(const struct cgroup *group, bool freeze, uint64_t timeout,
                           struct machine_error *error)
{
        _cleanup_free_ char *processes = cgroup_describe_processes(group, PROCESSES_SHOWN);
        char text[32];

        quantity_format_time(timeout, text);
        if (freeze) {
                (void)file_write_value(group->fd, "cgroup.freeze", "0");
                return error_say(
                        error, ETIMEDOUT,
                        "the processes in %s did not freeze within %s (%s); they keep running",
                        group->path, text, processes ? processes : "none visible");
        }
        error_say(error, ETIMEDOUT, "the processes in %s did not thaw within %s", group->path,
                  text);
        error_hint(error, "a group above it may be frozen: see cgroup.freeze there");
        return -ETIMEDOUT;
}

int cgroup_freeze(const struct cgroup *group, bool freeze, uint64_t timeout,
                  struct machine_error *error)
{
        int r = file_write_value(group->fd, "cgroup.freeze", freeze ? "1" : "0");

        if (r == 0) {
                r = cgroup_wait_event(group->fd, "frozen", freeze, timeout);
                /* A signal that was sent to the frozen may end them, and the group with them. */
                if (!freeze && (r == -ENOENT || r == -ENODEV)) {
                        r = 0;
                }
        }
        if (r == -ETIMEDOUT) {
                return explain_timeout(group, freeze, timeout, error);
        }
        if (r < 0) {
                return error_set(error, r, "cannot %s the processes in %s",
                                 freeze ? "stop" : "continue", group->path);
        }
        return 0;
}

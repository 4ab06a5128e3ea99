/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/group.h"

#include <stdlib.h>

void cgroup_release(struct cgroup *group)
{
        group->fd = fd_close(group->fd);
        free(group->path);
        free(group->top);
        *group = (struct cgroup)CGROUP_INIT;
}

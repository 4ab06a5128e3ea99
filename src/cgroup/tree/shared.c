/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Groups for the groups of several machines. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "cgroup/tree/controllers.h"
#include "cgroup/tree/tree.h"

int cgroup_create_shared(const char *path, struct cgroup *ret, struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        bool made = mkdir(path, 0755) == 0;
        int r;

        if (!made && errno != EEXIST) {
                return error_set(error, errno, "cannot create the control group %s", path);
        }
        r = cgroup_open(path, &group, error);
        if (r == 0) {
                r = cgroup_enable_controllers(&group, CGROUP_ALL, error);
        }
        if (r < 0) {
                (void)cgroup_remove_shared(path, NULL);
                return r;
        }
        group.is_new = made;
        *ret = group;
        group = (struct cgroup)CGROUP_INIT;
        return 0;
}

/* A machine that was killed may have left its group, which is empty by now. */
int cgroup_remove_shared(const char *path, struct machine_error *error)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        int r = directory_open_at(AT_FDCWD, path, &directory);

        if (r < 0) {
                return r == -ENOENT ? 0 : error_set(error, r, "cannot read %s", path);
        }
        while ((found = directory_next(directory))) {
                if (found->d_type == DT_DIR && found->d_name[0] != '.') {
                        (void)unlinkat(dirfd(directory), found->d_name, AT_REMOVEDIR);
                }
        }
        return rmdir(path) < 0 && errno != EBUSY && errno != ENOTEMPTY && errno != ENOENT
                       ? error_set(error, errno, "cannot remove the control group %s", path)
                       : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cgroup/tree/mount.h"
#include "systemd/scope.h"

#define CGROUP_MAXIMUM 65536

/* The service manager is that of the system, or of the user. */
static const char *default_slice(void)
{
        return caller_is_root() ? "system.slice" : "user.slice";
}

/* "SLICE:PREFIX:NAME", each of which may be empty. */
static int parse_place(const char *place, const char *id, char **ret_slice, char **ret_unit,
                       struct machine_error *error)
{
        _cleanup_strv_ char **parts = NULL;

        if (!place || !*place) {
                *ret_slice = strdup(default_slice());
                *ret_unit = string_format("machine-oci-%s.scope", id);
                return *ret_slice && *ret_unit ? 0 : error_oom(error);
        }
        if (strv_split(place, ':', &parts) < 0) {
                return error_oom(error);
        }
        if (strv_length(parts) != 3 || !*parts[2]) {
                return error_say(error, EINVAL,
                                 "linux.cgroupsPath: \"%s\" is not SLICE:PREFIX:NAME, which the "
                                 "cgroup manager systemd needs",
                                 place);
        }
        *ret_slice = strdup(*parts[0] ? parts[0] : default_slice());
        *ret_unit = string_ends_with(parts[2], ".scope") ? strdup(parts[2])
                    : *parts[1] ? string_format("%s-%s.scope", parts[1], parts[2])
                                : string_format("%s.scope", parts[2]);
        return *ret_slice && *ret_unit ? 0 : error_oom(error);
}

/* Where the process is in the unified hierarchy now. */
static int find_group(pid_t pid, char **ret, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL, *mount = NULL;
        char path[32], *save = NULL;
        int r;

        (void)snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
        r = file_read(AT_FDCWD, path, CGROUP_MAXIMUM, &text, NULL);
        if (r < 0) {
                return error_set(error, r, "cannot read %s", path);
        }
        r = cgroup_find_mount(&mount, error);
        if (r < 0) {
                return r;
        }
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *group = string_after(line, "0::");

                if (group) {
                        *ret = string_format("%s%s", mount, group);
                        return *ret ? 0 : error_oom(error);
                }
        }
        return error_say(error, ENODATA, "process %d is in no control group of cgroup v2", pid);
}

int scope_enter(const char *place, const char *id, pid_t pid, char **ret,
                struct machine_error *error)
{
        _cleanup_free_ char *slice = NULL, *unit = NULL, *description = NULL;
        int r = parse_place(place, id, &slice, &unit, error);

        if (r < 0) {
                return r;
        }
        description = string_format("container %s", id);
        r = description ? systemd_enter_scope(unit, slice, description, pid, error)
                        : error_oom(error);
        return r < 0 ? r : find_group(pid, ret, error);
}

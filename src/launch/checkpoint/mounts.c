/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/checkpoint/mounts.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"

/* What shows namespaces, CRIU mounts anew in those that it makes; a tmpfs it fills with what was in
 * it. */
static bool is_made_by_criu(const struct mount_entry *entry)
{
        static const char *const of_namespaces[] = { "proc", "sysfs", "devpts", "mqueue" };

        for (size_t i = 0; i < ELEMENTS_OF(of_namespaces); i++) {
                if (strcmp(entry->type, of_namespaces[i]) == 0) {
                        return true;
                }
        }
        return strcmp(entry->type, "tmpfs") == 0 && strcmp(entry->root, "/") == 0 &&
               strcmp(entry->point, "/dev") != 0;
}

/* CRIU's way to write a mount point down has no escapes. */
static int add_point(const char *point, char ***points, struct machine_error *error)
{
        if (strpbrk(point, "]:\n")) {
                return error_say(error, EOPNOTSUPP,
                                 "CRIU cannot write down the mount point \"%s\": it has one of "
                                 "\"]\" and \":\"",
                                 point);
        }
        return strv_contains(*points, point) || strv_append(points, point) == 0 ? 0
                                                                                : error_oom(error);
}

int checkpoint_list_mounts(pid_t pid, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **points = NULL;
        _cleanup_free_ char *text = NULL;
        char *line, *rest;
        int r = mount_table_read_of(pid, &text);

        if (r < 0) {
                return error_set(error, r, "cannot read the machine's mounts");
        }
        r = strv_append(&points, "/") < 0 ? error_oom(error) : 0;
        for (rest = text; r == 0 && (line = strsep(&rest, "\n")) && *line;) {
                struct mount_entry entry;

                if (mount_table_parse(line, &entry) && !is_made_by_criu(&entry)) {
                        r = add_point(entry.point, &points, error);
                }
        }
        *ret = r < 0 ? NULL : TAKE_PTR(points);
        return r;
}

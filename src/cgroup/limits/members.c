/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/limits/members.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/strings.h"

/* Longer keys precede their beginnings. */
static const struct {
        const char *key;
        const char *member;
} members[] = {
        { "limits.memory_nodes", "linux.resources.cpu.mems" },
        { "limits.memory_low", "linux.resources.memory.reservation" },
        { "limits.memory_high", "linux.resources.unified[\"memory.high\"]" },
        { "limits.memory", "linux.resources.memory.limit" },
        { "limits.swap", "linux.resources.memory.swap" },
        { "limits.cpu_weight", "linux.resources.cpu.shares" },
        { "limits.cpu_burst", "linux.resources.cpu.burst" },
        { "limits.cpu_idle", "linux.resources.cpu.idle" },
        { "limits.cpus", "linux.resources.cpu.cpus" },
        { "limits.cpu", "linux.resources.cpu.quota" },
        { "limits.tasks", "linux.resources.pids.limit" },
        { "limits.io_weights", "linux.resources.blockIO.weightDevice" },
        { "limits.io_weight", "linux.resources.blockIO.weight" },
        { "limits.io", "linux.resources.blockIO" },
        { "limits.hugepages", "linux.resources.hugepageLimits" },
        { "limits.rdma", "linux.resources.rdma" },
        { "limits.unified", "linux.resources.unified" },
};

/* Renames all keys in an owned text, which may be NULL. */
static int rename_keys(char **text)
{
        for (char *at = *text; at && (at = strstr(at, "limits."));) {
                size_t i = 0;
                char *changed;

                while (i < ELEMENTS_OF(members) && !string_after(at, members[i].key)) {
                        i++;
                }
                if (i == ELEMENTS_OF(members)) {
                        at++;
                        continue;
                }
                changed = string_format("%.*s%s%s", (int)(at - *text), *text, members[i].member,
                                        at + strlen(members[i].key));
                if (!changed) {
                        return -ENOMEM;
                }
                at = changed + (at - *text) + strlen(members[i].member);
                free(*text);
                *text = changed;
        }
        return 0;
}

int members_name(int r, char ***warnings, struct machine_error *error)
{
        int named = 0;

        for (char **warning = warnings ? *warnings : NULL; warning && *warning; warning++) {
                named = rename_keys(warning) < 0 ? -ENOMEM : named;
        }
        if (r < 0 && error && (rename_keys(&error->message) < 0 || rename_keys(&error->hint) < 0)) {
                named = -ENOMEM;
        }
        return named < 0 ? error_oom(error) : r;
}

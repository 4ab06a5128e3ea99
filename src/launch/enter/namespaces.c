/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter/namespaces.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/rights/caller.h"
#include "base/strings.h"

static const struct {
        uint64_t flag;
        const char *name; /* in /proc/PID/ns */
} kinds[] = {
        { CLONE_NEWNS, "mnt" },    { CLONE_NEWPID, "pid" },   { CLONE_NEWUTS, "uts" },
        { CLONE_NEWIPC, "ipc" },   { CLONE_NEWNET, "net" },   { CLONE_NEWCGROUP, "cgroup" },
        { CLONE_NEWTIME, "time" }, { CLONE_NEWUSER, "user" },
};

/* One that the kernel does not have is none. */
static bool is_another(const char *name, pid_t pid)
{
        char path[64];
        struct stat own, other;

        (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
        if (stat(path, &other) < 0) {
                return false;
        }
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", name);
        return stat(path, &own) < 0 || own.st_ino != other.st_ino;
}

uint64_t namespaces_to_join(pid_t pid)
{
        bool root = caller_is_root();
        uint64_t flags = 0;

        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                if ((root && kinds[i].flag != CLONE_NEWUSER) || is_another(kinds[i].name, pid)) {
                        flags |= kinds[i].flag;
                }
        }
        return flags;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "security/id_map.h"

#define STACK_SIZE 16384

/* Sysctls that forbid user namespaces, each where it is known by that name. */
static const struct obstacle {
        const char *path;
        char forbids; /* the value's first character that stands in the way */
        const char *hint;
} obstacles[] = {
        { "/proc/sys/user/max_user_namespaces", '0',
          "the sysctl user.max_user_namespaces is 0: give it a number" },
        { "/proc/sys/kernel/unprivileged_userns_clone", '0',
          "the sysctl kernel.unprivileged_userns_clone is 0, and this process lacks "
          "CAP_SYS_ADMIN" },
        { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
          "the sysctl kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor takes the "
          "capabilities away in a user namespace of an unconfined process without CAP_SYS_ADMIN" },
};

static bool hint_at_obstacle(struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(obstacles); i++) {
                _cleanup_free_ char *text = NULL;

                if (file_read(AT_FDCWD, obstacles[i].path, 64, &text, NULL) == 0 &&
                    text[0] == obstacles[i].forbids) {
                        error_hint(error, "%s", obstacles[i].hint);
                        return true;
                }
        }
        return false;
}

int user_namespace_explain(int number, struct machine_error *error)
{
        number = number < 0 ? -number : number;
        switch (number) {
        case ENOSPC:
        case EUSERS:
                error_say(error, number,
                          "no further user namespace: their number or their depth is used up");
                if (!hint_at_obstacle(error)) {
                        error_hint(error, "the sysctl user.max_user_namespaces limits the number, "
                                          "the kernel the depth to 32");
                }
                break;
        case EINVAL:
        case ENOSYS:
                error_say(error, number, "this kernel has no user namespaces (CONFIG_USER_NS)");
                error_hint(error, "user_namespace = \"none\" does without, at the price of running "
                                  "with the host's ids");
                break;
        case EPERM:
        case EACCES:
                error_say(error, number, "the kernel refuses a new user namespace");
                if (!hint_at_obstacle(error)) {
                        error_hint(error, "it refuses one to a process in a chroot, and where "
                                          "seccomp or a security module says so");
                }
                break;
        default:
                error_set(error, number, "making a user namespace failed");
        }
        return -number;
}

/* Whether all ids of the range exist in the user namespace of this process. */
static bool range_exists(const char *map_path, const struct id_range *range)
{
        _cleanup_free_ char *text = NULL;
        uint64_t next = range->base, end = (uint64_t)range->base + range->count;

        if (file_read(AT_FDCWD, map_path, 65536, &text, NULL) < 0) {
                return true;
        }
        /* The kernel keeps the map sorted by the outer id, not by this one: go over it until an
         * id is found that no line has. */
        while (next < end) {
                bool found = false;

                for (const char *line = text; line && *line; line = strchr(line, '\n')) {
                        uint64_t first, outer, count;

                        line += *line == '\n';
                        if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &first, &outer,
                                   &count) == 3 &&
                            next >= first && next < first + count) {
                                next = first + count;
                                found = true;
                                break;
                        }
                }
                if (!found) {
                        return false;
                }
        }
        return true;
}

static int explain_map(const char *name, const struct id_range *range, int number,
                       struct machine_error *error)
{
        char own_map[32];

        number = number < 0 ? -number : number;
        snprintf(own_map, sizeof own_map, "/proc/self/%s", name);
        error_set(error, number, "writing %s \"0 %" PRIu32 " %" PRIu32 "\" failed", name,
                  range->base, range->count);
        if (number != EPERM && number != EACCES) {
                return -number;
        }
        if (!range_exists(own_map, range)) {
                error_say(error, number,
                          "ids %" PRIu32 ":%" PRIu32
                          " cannot be mapped: this process runs in a user namespace itself, and "
                          "that has not all of them (%s)",
                          range->base, range->count, own_map);
                error_hint(error, "give a range that it has, with user_namespace = \"BASE:COUNT\"");
        } else if (geteuid() != 0) {
                error_hint(error, "mapping ids of others needs CAP_SETUID and CAP_SETGID: run as "
                                  "root; a group map without them would have to deny setgroups(2)");
        } else if (!hint_at_obstacle(error)) {
                error_hint(error, "it needs CAP_SETUID and CAP_SETGID in the user namespace of "
                                  "this process");
        }
        return -number;
}

int id_maps_write(pid_t pid, const struct id_range *range, struct machine_error *error)
{
        /* setgroups stays allowed: with CAP_SETGID over the map the kernel asks no denial, and
         * programs that switch users need it. Without it the kernel refuses the group map, as
         * dropping a group could open what it was denied (CVE-2014-8989). */
        static const char *const maps[] = { "uid_map", "gid_map" };
        char line[64];

        snprintf(line, sizeof line, "0 %" PRIu32 " %" PRIu32 "\n", range->base, range->count);
        for (size_t i = 0; i < ELEMENTS_OF(maps); i++) {
                char path[64];
                int r;

                snprintf(path, sizeof path, "/proc/%d/%s", pid, maps[i]);
                r = file_write_value(AT_FDCWD, path, line);
                if (r < 0) {
                        return explain_map(maps[i], range, r, error);
                }
        }
        return 0;
}

/* Holds the namespace until it is killed. It shares the memory of its parent and must touch none:
 * every signal is blocked, so pause(2) does not return. */
__attribute__((no_sanitize("address", "undefined"))) static int hold_namespace(void *unused)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;) {
                pause();
        }
        return 0;
}

/* A child in a new user namespace. It shares this process' memory, as copying the page tables would
 * cost more than all the rest, and has no exit signal, as nobody but us shall hear of it. */
static pid_t start_holder(char *stack)
{
        sigset_t all, before;
        pid_t pid;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before);
        pid = clone(hold_namespace, stack + STACK_SIZE, CLONE_NEWUSER | CLONE_VM, NULL);
        if (pid < 0) {
                pid = -errno;
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        return pid;
}

static void end_holder(pid_t pid)
{
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {
        }
}

int user_namespace_create(const struct id_range *range, int *ret_fd, struct machine_error *error)
{
        _Alignas(16) char stack[STACK_SIZE];
        char path[64];
        pid_t pid = start_holder(stack);
        int fd = -EBADF, r;

        if (pid < 0) {
                return user_namespace_explain(pid, error);
        }
        r = id_maps_write(pid, range, error);
        if (r == 0) {
                snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0) {
                        r = error_set(error, errno, "opening the user namespace failed");
                }
        }
        end_holder(pid);
        if (r == 0) {
                *ret_fd = fd;
        }
        return r;
}

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
#include "base/rights/caller.h"
#include "base/strings.h"
#include "security/ids/id_extent.h"
#include "security/ids/id_map.h"

#define STACK_SIZE 16384

#define APPARMOR_SETTING "kernel.apparmor_restrict_unprivileged_userns"

/* Sysctls that forbid user namespaces, on kernels that have them. */
static const struct restriction {
        const char *path;
        char forbids; /* the value's first character that forbids them */
        const char *hint;
} restrictions[] = {
        { "/proc/sys/user/max_user_namespaces", '0',
          "the sysctl user.max_user_namespaces is 0: raise it" },
        { "/proc/sys/kernel/unprivileged_userns_clone", '0',
          "the sysctl kernel.unprivileged_userns_clone is 0, and this process lacks "
          "CAP_SYS_ADMIN" },
        { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
          "the sysctl " APPARMOR_SETTING " is 1: AppArmor allows user namespaces to the programs "
          "that it has a profile for. The packages ship one: apparmor_parser -r "
          "/etc/apparmor.d/machinectl-lite; a program elsewhere needs its own, with the rule "
          "\"userns,\"; or switch it off: sysctl -w " APPARMOR_SETTING "=0" },
};

static bool hint_at_restriction(struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(restrictions); i++) {
                _cleanup_free_ char *text = NULL;

                if (file_read(AT_FDCWD, restrictions[i].path, 64, &text, NULL) == 0 &&
                    text[0] == restrictions[i].forbids) {
                        error_hint(error, "%s", restrictions[i].hint);
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
                          "cannot create another user namespace: the limit of their number or "
                          "depth is reached");
                if (!hint_at_restriction(error)) {
                        error_hint(error, "the sysctl user.max_user_namespaces limits their "
                                          "number; the kernel limits the depth to 32");
                }
                break;
        case EINVAL:
        case ENOSYS:
                error_say(error, number, "this kernel has no user namespaces (CONFIG_USER_NS)");
                error_hint(error, "user_namespace = \"none\" does without, but the machine then "
                                  "runs with the host's ids");
                break;
        case EPERM:
        case EACCES:
                error_say(error, number, "the kernel refuses to create a user namespace");
                if (!hint_at_restriction(error)) {
                        error_hint(error, "it does so in a chroot, or if seccomp or a security "
                                          "module denies it");
                }
                break;
        default:
                error_set(error, number, "creating a user namespace failed");
        }
        return -number;
}

/* A drop of no capability: the kernel asks for CAP_SETPCAP first (EPERM), then for the number
 * (EINVAL), and changes nothing. */
int user_namespace_check(struct machine_error *error)
{
        if (prctl(PR_CAPBSET_DROP, (unsigned long)UINT32_MAX, 0, 0, 0) == 0 || errno != EPERM) {
                return 0;
        }
        error_say(error, EPERM,
                  "the kernel created a user namespace without capabilities: a security module "
                  "takes them away");
        if (!hint_at_restriction(error)) {
                error_hint(error, "allow user namespaces to this program in the policy of the "
                                  "host's security module");
        }
        return -EPERM;
}

static uint64_t total(const struct machine_id_map *lines, size_t count)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < count; i++) {
                sum += lines[i].count;
        }
        return sum;
}

/* Splits the lines at the ends of the lines of this process's own map, where the kernel wants it.
 * Returns 0, -ERANGE if it lacks some of the ids, or another -errno. */
static int split_lines(const char *own_map, const struct machine_id_map *lines, size_t count,
                       struct machine_id_map **ret, size_t *ret_count)
{
        _cleanup_free_ struct machine_id_map *extents = NULL, *parts = NULL;
        size_t extent_count = 0, part_count = 0;
        int r = id_extents_read(own_map, &extents, &extent_count);

        if (r == 0) {
                r = id_extents_split(extents, extent_count, lines, count, &parts, &part_count);
        }
        if (r < 0) {
                return r;
        }
        if (total(parts, part_count) != total(lines, count)) {
                return -ERANGE;
        }
        *ret = TAKE_PTR(parts);
        *ret_count = part_count;
        return 0;
}

/* Whether all ids of a line exist in this process's user namespace. */
static bool line_exists(const char *own_map, const struct machine_id_map *line)
{
        _cleanup_free_ struct machine_id_map *parts = NULL;
        size_t count;

        return split_lines(own_map, line, 1, &parts, &count) != -ERANGE;
}

static int explain_map(const char *name, const struct machine_id_map *lines, size_t count,
                       const char *text, int number, struct machine_error *error)
{
        char own_map[32];
        _cleanup_free_ char *shown = strndup(text, strcspn(text, "\n"));

        number = number < 0 ? -number : number;
        snprintf(own_map, sizeof own_map, "/proc/self/%s", name);
        error_set(error, number, "writing %s \"%s%s\" failed", name, shown ? shown : "",
                  count > 1 ? " .." : "");
        if (number != EPERM && number != EACCES) {
                return -number;
        }
        for (size_t i = 0; i < count; i++) {
                if (line_exists(own_map, &lines[i])) {
                        continue;
                }
                error_say(error, number,
                          "ids %" PRIu32 ":%" PRIu32
                          " cannot be mapped: this process runs in a user namespace itself, which "
                          "lacks some of them (%s)",
                          lines[i].host, lines[i].count, own_map);
                error_hint(error, "choose a range within it, with user_namespace = \"BASE:COUNT\"");
                return -number;
        }
        if (geteuid() != 0) {
                error_hint(error,
                           "mapping ids of other users needs CAP_SETUID and CAP_SETGID: run as "
                           "root; without them the kernel would require setgroups(2) to be denied");
        } else if (!hint_at_restriction(error)) {
                error_hint(error,
                           "this needs CAP_SETUID and CAP_SETGID in this process's user namespace");
        }
        return -number;
}

/* The text of a map, one line for each range. */
static char *format_map(const struct machine_id_map *lines, size_t count)
{
        _cleanup_free_ char *text = strdup("");

        for (size_t i = 0; text && i < count; i++) {
                char *longer = string_format("%s%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", text,
                                             lines[i].machine, lines[i].host, lines[i].count);

                free(text);
                text = longer;
        }
        return TAKE_PTR(text);
}

static int write_map(pid_t pid, const char *name, const struct machine_id_map *lines, size_t count,
                     struct machine_error *error)
{
        _cleanup_free_ struct machine_id_map *parts = NULL;
        _cleanup_free_ char *text = NULL;
        size_t part_count = 0;
        char path[64], own_map[32];
        int r;

        snprintf(own_map, sizeof own_map, "/proc/self/%s", name);
        if (caller_is_inside() && split_lines(own_map, lines, count, &parts, &part_count) == 0) {
                text = format_map(parts, part_count);
        } else {
                text = format_map(lines, count);
        }
        if (!text) {
                return error_oom(error);
        }
        snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
        r = file_write_value(AT_FDCWD, path, text);
        return r < 0 ? explain_map(name, lines, count, text, r, error) : 0;
}

int id_maps_write_lines(pid_t pid, const struct machine_id_maps *maps, struct machine_error *error)
{
        /* setgroups stays allowed: programs that switch users need it, and with CAP_SETGID over the
         * map the kernel does not require its denial. Without CAP_SETGID the kernel refuses the
         * group map, as dropping a group could grant access that the group was denied
         * (CVE-2014-8989). */
        int r = write_map(pid, "uid_map", maps->uids, maps->uid_count, error);

        return r < 0 ? r : write_map(pid, "gid_map", maps->gids, maps->gid_count, error);
}

bool id_map_translate(const struct machine_id_map *lines, size_t count, uint32_t id, uint32_t *ret)
{
        for (size_t i = 0; i < count; i++) {
                if (id >= lines[i].machine && id - lines[i].machine < lines[i].count) {
                        *ret = lines[i].host + (id - lines[i].machine);
                        return true;
                }
        }
        return false;
}

/* Holds the namespace until it is killed. It shares its parent's memory and must not write to it:
 * all signals are blocked, so pause(2) does not return. */
__attribute__((no_sanitize("address", "undefined"))) static int hold_namespace(void *unused)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;) {
                pause();
        }
        return 0;
}

/* Clones a child into a new user namespace. It shares this process's memory, as copying the page
 * tables would cost more than all the rest, and has no exit signal, so that only this function
 * notices its end. */
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

int user_namespace_create_mapped(const struct machine_id_maps *maps, int *ret_fd,
                                 struct machine_error *error)
{
        _Alignas(16) char stack[STACK_SIZE];
        char path[64];
        pid_t pid = start_holder(stack);
        int fd = -EBADF, r;

        if (pid < 0) {
                return user_namespace_explain(pid, error);
        }
        r = id_maps_write_lines(pid, maps, error);
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

int user_namespace_create(const struct id_range *range, int *ret_fd, struct machine_error *error)
{
        struct machine_id_map line = { 0, range->base, range->count };
        const struct machine_id_maps maps = { &line, 1, &line, 1 };

        return user_namespace_create_mapped(&maps, ret_fd, error);
}

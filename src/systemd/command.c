/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process/process.h"
#include "base/rights/caller.h"
#include "base/strings.h"

static int copy_environment(char ***ret)
{
        STRV_FOREACH(entry, environ) {
                if (!string_after(*entry, "NOTIFY_SOCKET=") && strv_append(ret, *entry) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int spawn(char *const *command, char *const *environment, int output, pid_t *ret)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
        if (output >= 0) {
                posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        } else {
                posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
                posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
        }
        r = posix_spawnp(ret, command[0], &actions, &attributes, command, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* ---- from a user namespace ---- */

/* The id outside of the caller's user namespace that is its id 0. */
static int outer_id(const char *map, unsigned int *ret)
{
        _cleanup_free_ char *text = NULL;
        unsigned int inner;
        int r = file_read(AT_FDCWD, map, 4096, &text, NULL);

        if (r < 0) {
                return r;
        }
        return sscanf(text, "%u %u", &inner, ret) == 2 && inner == 0 ? 0 : -ERANGE;
}

/* "UID 0 1": the user has his own id again. */
static int write_map(const char *map, unsigned int id)
{
        char line[32];

        (void)snprintf(line, sizeof line, "%u 0 1", id);
        return file_write_value(AT_FDCWD, map, line);
}

/* The bus refuses a client that takes itself for uid 0 and is somebody else to the bus. */
static int become_user(void)
{
        unsigned int uid, gid = 0;
        int r = outer_id("/proc/self/uid_map", &uid);

        if (r == 0) {
                r = outer_id("/proc/self/gid_map", &gid);
        }
        if (r == 0 && unshare(CLONE_NEWUSER) < 0) {
                r = -errno;
        }
        if (r == 0) {
                r = write_map("/proc/self/uid_map", uid);
        }
        if (r == 0) {
                r = file_write_value(AT_FDCWD, "/proc/self/setgroups", "deny");
        }
        return r == 0 ? write_map("/proc/self/gid_map", gid) : r;
}

static _Noreturn void run_as_user(char *const *command, char *const *environment, int output)
{
        pid_t pid;
        int r;

        if (become_user() < 0 || spawn(command, environment, output, &pid) < 0) {
                _exit(127);
        }
        r = process_wait(pid);
        _exit(r < 0 ? 127 : r);
}

static int spawn_as_user(char *const *command, char *const *environment, int output, pid_t *ret)
{
        pid_t pid = process_fork(0, NULL);

        if (pid == 0) {
                run_as_user(command, environment, output);
        }
        if (pid < 0) {
                return pid;
        }
        *ret = pid;
        return 0;
}

int systemd_spawn(char *const *command, int output, pid_t *ret)
{
        _cleanup_strv_ char **environment = NULL;
        int r = copy_environment(&environment);

        if (r < 0) {
                return r;
        }
        return caller_is_inside() ? spawn_as_user(command, environment, output, ret)
                                  : spawn(command, environment, output, ret);
}

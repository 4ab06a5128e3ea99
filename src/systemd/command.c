/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/command.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

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

int systemd_spawn(char *const *command, int output, pid_t *ret)
{
        _cleanup_strv_ char **environment = NULL;
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r = copy_environment(&environment);

        if (r < 0) {
                return r;
        }
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/manager.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "base/strings.h"

static const char *const unit_directories[] = {
        "/etc/systemd/system",     "/run/systemd/system", "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system", "/lib/systemd/system",
};

bool systemd_is_booted(void)
{
        return access("/run/systemd/system", F_OK) == 0;
}

bool systemd_has_machine_unit(void)
{
        for (size_t i = 0; i < ELEMENTS_OF(unit_directories); i++) {
                _cleanup_free_ char *path =
                        string_format("%s/container@.service", unit_directories[i]);

                if (path && access(path, F_OK) == 0) {
                        return true;
                }
        }
        return false;
}

/* What systemd-escape(1) leaves as it is; every other byte becomes \xNN, a slash would be "-". */
static bool is_plain(char c, bool first)
{
        return isalnum((unsigned char)c) || c == ':' || c == '_' || (c == '.' && !first);
}

char *systemd_unit_of(const char *machine)
{
        char *unit = malloc(strlen("container@.service") + 4 * strlen(machine) + 1);
        char *out = unit ? stpcpy(unit, "container@") : NULL;

        for (const char *c = machine; out && *c; c++) {
                if (is_plain(*c, c == machine)) {
                        *out++ = *c;
                } else {
                        out += sprintf(out, "\\x%02x", (unsigned char)*c);
                }
        }
        if (out) {
                strcpy(out, ".service");
        }
        return unit;
}

/* Starts a command with signals as they are by default. streams: what becomes its 1 and 2. */
static int spawn(char *const *command, int output, pid_t *ret)
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
        r = posix_spawnp(ret, command[0], &actions, &attributes, command, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

int systemd_control(const char *verb, char *const *units, struct machine_error *error)
{
        _cleanup_free_ char *shown = strv_join(units, " ");
        _cleanup_strv_ char **command = NULL;
        pid_t pid;
        int r;

        if (!shown || strv_append(&command, "systemctl") < 0 || strv_append(&command, verb) < 0 ||
            strv_append(&command, "--") < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(unit, units) {
                if (strv_append(&command, *unit) < 0) {
                        return error_oom(error);
                }
        }
        r = spawn(command, STDERR_FILENO, &pid);
        if (r == 0) {
                r = process_wait(pid);
        }
        if (r < 0) {
                return error_set(error, r, "cannot run systemctl %s %s", verb, shown);
        }
        if (r > 0) {
                error_say(error, EIO, "systemctl %s %s failed", verb, shown);
                error_hint(error, "systemctl status %s tells more", shown);
                return -EIO;
        }
        return 0;
}

/* "16 1 2 .. 16": an array of bytes as busctl(1) takes it. */
static int append_id(char ***command, const char *id)
{
        int r = strv_append(command, "16");

        for (size_t i = 0; r == 0 && i < 32; i += 2) {
                r = strv_take(command, string_format("0x%.2s", id + i));
        }
        return r;
}

void systemd_register_machine(const char *name, const char *id, const char *unit, pid_t leader,
                              const char *root)
{
        const char *const head[] = {
                "busctl",
                "call",
                "--system",
                "--quiet",
                "--",
                "org.freedesktop.machine1",
                "/org/freedesktop/machine1",
                "org.freedesktop.machine1.Manager",
                "RegisterMachineWithNetwork",
                "sayssusai",
                name,
        };
        _cleanup_free_ char *pid_text = string_format("%d", leader);
        /* After the id; the last is the number of network interfaces that are told. */
        const char *const tail[] = { unit ? unit : "machinectl-lite", "container",
                                     pid_text ? pid_text : "0", root ? root : "", "0" };
        _cleanup_strv_ char **command = NULL;
        pid_t pid;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(head); i++) {
                r = strv_append(&command, head[i]);
        }
        if (r == 0) {
                r = append_id(&command, id);
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(tail); i++) {
                r = strv_append(&command, tail[i]);
        }
        if (r == 0 && pid_text) {
                (void)spawn(command, -EBADF, &pid);
        }
}

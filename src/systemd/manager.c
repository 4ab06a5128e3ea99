/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/manager.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "base/strings.h"
#include "systemd/command.h"

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
        r = systemd_spawn(command, STDERR_FILENO, &pid);
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

static const char *const machined_call[] = {
        "busctl",
        "call",
        "--system",
        "--quiet",
        "--",
        "org.freedesktop.machine1",
        "/org/freedesktop/machine1",
        "org.freedesktop.machine1.Manager",
        NULL,
};

static int append_all(char ***command, const char *const *words)
{
        int r = 0;

        for (; r == 0 && *words; words++) {
                r = strv_append(command, *words);
        }
        return r;
}

pid_t systemd_register_machine(const char *name, const char *id, const char *unit, pid_t leader,
                               const char *root)
{
        const char *const head[] = { "RegisterMachineWithNetwork", "sayssusai", name, NULL };
        _cleanup_free_ char *pid_text = string_format("%d", leader);
        /* After the id; the last is the number of network interfaces that are told. */
        const char *const tail[] = {
                unit ? unit : "machinectl-lite", "container", pid_text, root ? root : "", "0", NULL
        };
        _cleanup_strv_ char **command = NULL;
        pid_t pid = 0;

        if (!pid_text || append_all(&command, machined_call) < 0 ||
            append_all(&command, head) < 0 || append_id(&command, id) < 0 ||
            append_all(&command, tail) < 0 || systemd_spawn(command, -EBADF, &pid) < 0) {
                return 0;
        }
        return pid;
}

void systemd_unregister_machine(const char *name)
{
        const char *const tail[] = { "UnregisterMachine", "s", name, NULL };
        _cleanup_strv_ char **command = NULL;
        pid_t pid;

        if (append_all(&command, machined_call) == 0 && append_all(&command, tail) == 0 &&
            systemd_spawn(command, -EBADF, &pid) == 0) {
                (void)process_wait(pid);
        }
}

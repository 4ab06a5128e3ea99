/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/manager.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "security/user/user.h"
#include "systemd/command.h"

#define UNIT_FILE "container@.service"

static const char *const unit_directories[] = {
        "/etc/systemd/system",     "/run/systemd/system", "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system", "/lib/systemd/system", NULL,
};

static const char *const user_unit_directories[] = {
        "/etc/systemd/user",     "/run/systemd/user", "/usr/local/lib/systemd/user",
        "/usr/lib/systemd/user", "/lib/systemd/user", NULL,
};

/* The runtime directory of the user, which inside his user namespace only the environment names. */
static char *runtime_directory(void)
{
        const char *given = getenv("XDG_RUNTIME_DIR");

        return given && given[0] == '/' ? strdup(given) : string_format("/run/user/%u", geteuid());
}

bool systemd_is_booted(void)
{
        _cleanup_free_ char *runtime = NULL;
        _cleanup_free_ char *private = NULL;

        if (access("/run/systemd/system", F_OK) < 0) {
                return false;
        }
        if (caller_is_root()) {
                return true;
        }
        runtime = runtime_directory();
        private = runtime ? string_format("%s/systemd/private", runtime) : NULL;
        return private && access(private, F_OK) == 0;
}

static bool has_unit(const char *directory)
{
        _cleanup_free_ char *path = string_format("%s/" UNIT_FILE, directory);

        return path && access(path, F_OK) == 0;
}

/* systemd.unit(5) names more; these are where people put units. */
static bool has_own_unit(void)
{
        const char *configuration = getenv("XDG_CONFIG_HOME");
        const char *home = getenv("HOME");
        _cleanup_free_ char *directory = configuration && configuration[0] == '/'
                                                 ? string_format("%s/systemd/user", configuration)
                                         : home && home[0] == '/'
                                                 ? string_format("%s/.config/systemd/user", home)
                                                 : NULL;

        return directory && has_unit(directory);
}

bool systemd_has_machine_unit(void)
{
        bool root = caller_is_root();
        const char *const *directory = root ? unit_directories : user_unit_directories;

        for (; *directory; directory++) {
                if (has_unit(*directory)) {
                        return true;
                }
        }
        return !root && has_own_unit();
}

/* systemd-escape(1) escapes all other bytes as \xNN, except "/", which names do not contain. "@" is
 * valid in an instance, and kept as a user types it: container@web@blue.service. */
static bool is_plain(char c, bool first)
{
        return isalnum((unsigned char)c) || strchr(":_@", c) || (c == '.' && !first);
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

char *systemd_machine_of(const char *unit)
{
        const char *in = string_after(unit, "container@");
        char *machine, *out;

        if (!in || !string_ends_with(in, ".service")) {
                return NULL;
        }
        machine = out = strndup(in, strlen(in) - strlen(".service"));
        for (const char *c = machine; c && *c; out++) {
                unsigned int byte;

                if (sscanf(c, "\\x%2x", &byte) == 1) {
                        *out = (char)byte;
                        c += 4;
                } else {
                        *out = *c == '-' ? '/' : *c;
                        c++;
                }
        }
        if (out) {
                *out = '\0';
        }
        return machine;
}

int systemd_begin_control(const char *verb, char *const *units, pid_t *ret,
                          struct machine_error *error)
{
        bool user = !caller_is_root();
        _cleanup_free_ char *shown = strv_join(units, " ");
        _cleanup_strv_ char **command = NULL;
        int r;

        if (!shown || strv_append(&command, "systemctl") < 0 ||
            (user && strv_append(&command, "--user") < 0) || strv_append(&command, verb) < 0 ||
            strv_append(&command, "--") < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(unit, units) {
                if (strv_append(&command, *unit) < 0) {
                        return error_oom(error);
                }
        }
        r = systemd_spawn(command, STDERR_FILENO, ret);
        return r < 0 ? error_set(error, r, "cannot run systemctl %s %s", verb, shown) : 0;
}

int systemd_control(const char *verb, char *const *units, struct machine_error *error)
{
        bool user = !caller_is_root();
        _cleanup_free_ char *shown = strv_join(units, " ");
        pid_t pid;
        int r = shown ? systemd_begin_control(verb, units, &pid, error) : error_oom(error);

        if (r < 0) {
                return r;
        }
        r = process_wait(pid);
        if (r < 0) {
                return error_set(error, r, "cannot run systemctl %s%s %s", user ? "--user " : "",
                                 verb, shown);
        }
        if (r > 0) {
                error_say(error, EIO, "systemctl %s%s %s failed", user ? "--user " : "", verb,
                          shown);
                error_hint(error, "see systemctl %sstatus %s", user ? "--user " : "", shown);
                return -EIO;
        }
        return 0;
}

/* An array of bytes in the format of busctl(1): "16 1 2 .. 16". */
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
        /* The arguments after the id. The last one is the number of network interfaces. */
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

/* ---- a user's service manager ---- */

bool systemd_lingers(void)
{
        _cleanup_free_ char *name = user_find_name(), *path = NULL;

        if (!name || strchr(name, '/')) {
                return false;
        }
        path = string_format("/var/lib/systemd/linger/%s", name);
        return path && access(path, F_OK) == 0;
}

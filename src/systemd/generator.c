/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A generator for systemd, see systemd.generator(7), for the host or for users: machines with
 * `autostart` are wanted by machines.target, and `requires` and `after` order their units. It runs
 * when possibly only the root file system is mounted, and must not fail the boot: invalid
 * definitions are skipped and reported in the kernel log, because no other log is available yet. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "config/config.h"
#include "config/host.h"
#include "config/read/stored.h"
#include "systemd/manager.h"

#define TARGET "machines.target"
/* Below the directory where `systemctl enable` puts links to units that the target wants. */
#define WANTED "/" TARGET ".wants"

/* What starts the target: the host's boot, or the start of a user's service manager. */
#define STARTING (OF_USERS ? "default.target" : "multi-user.target")

static void complain(const char *machine, const struct machine_error *error)
{
        _cleanup_free_ char *reason = string_printable(error->message ? error->message : "");
        /* "<4>" is the priority of a warning (printk). Each write is one record. */
        _cleanup_free_ char *line =
                string_format("<4>machinectl-lite-generator: %s%s%s\n", machine ? machine : "",
                              machine ? " is skipped: " : "", reason ? reason : "out of memory");
        _cleanup_close_ int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

        if (!line) {
                return;
        }
        if (log >= 0) {
                (void)!write(log, line, strlen(line));
        }
        fputs(line + strlen("<4>"), stderr);
}

/* Creates DIRECTORY/WANTING.wants/UNIT, a link to the file of the unit. */
static int make_wanted(const char *directory, const char *wanting, const char *unit,
                       const char *file, struct machine_error *error)
{
        _cleanup_free_ char *place = string_format("%s/%s.wants", directory, wanting);
        _cleanup_free_ char *link = place ? path_join(place, unit) : NULL;
        _cleanup_free_ char *target = string_format("%s/%s", UNIT_DIRECTORY, file);
        int r;

        if (!link || !target) {
                return error_oom(error);
        }
        r = directory_make(place, 0755);
        if (r == 0 && symlink(target, link) < 0 && errno != EEXIST) {
                r = -errno;
        }
        return r < 0 ? error_set(error, r, "cannot create %s", link) : 0;
}

static int append_units(char **text, const char *setting, char *const *machines)
{
        STRV_FOREACH(machine, machines) {
                _cleanup_free_ char *unit = systemd_unit_of(*machine);
                char *longer = unit ? string_format("%s%s=%s\n", *text, setting, unit) : NULL;

                if (!longer) {
                        return -ENOMEM;
                }
                free(*text);
                *text = longer;
        }
        return 0;
}

/* Orders a machine after the machines it requires, which must be ready before it starts. */
static int write_order(const char *directory, const char *unit, const struct machine *machine,
                       struct machine_error *error)
{
        _cleanup_free_ char *place = string_format("%s/%s.d", directory, unit);
        _cleanup_free_ char *path = place ? path_join(place, "50-definition.conf") : NULL;
        _cleanup_free_ char *text = strdup("[Unit]\n");
        _cleanup_strv_ char **requires = NULL;
        int r;

        if (config_requirements(machine, &requires) < 0) {
                return error_oom(error);
        }
        if (!requires && !machine->life.after) {
                return 0;
        }
        if (!path || !text || append_units(&text, "Requires", requires) < 0 ||
            append_units(&text, "After", requires) < 0 ||
            append_units(&text, "After", machine->life.after) < 0) {
                return error_oom(error);
        }
        r = directory_make(place, 0755);
        if (r == 0) {
                r = file_replace(AT_FDCWD, path, text, strlen(text), 0644);
        }
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

/* Machines that `apply` has stored start without being enabled. */
static bool starts_at_boot(const struct machine *machine, const struct config_host *host)
{
        return (machine->life.autostart ||
                (machine->definition && string_after(machine->definition, CONFIG_STORED_PLACE))) &&
               config_host_is_among(host, machine->apply.hosts);
}

/* The intervals of apply.conf. */
static int write_timer(const char *directory, struct machine_error *error)
{
        _cleanup_free_ char *place = string_format("%s/machinectl-lite-apply.timer.d", directory);
        _cleanup_free_ char *path = place ? path_join(place, "50-apply.conf") : NULL;
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_config_apply_ struct config_apply apply = { 0 };
        _cleanup_free_ char *text = NULL;
        int r;

        if (OF_USERS || access(CONFIG_APPLY_FILE, F_OK) < 0) {
                return 0;
        }
        r = config_load_apply(CONFIG_APPLY_FILE, NULL, &diagnostics, &apply, error);
        if (r < 0) {
                return r;
        }
        text = string_format("[Timer]\nOnUnitInactiveSec=\nOnBootSec=1min\n"
                             "OnUnitInactiveSec=%lluus\nRandomizedDelaySec=%lluus\n",
                             (unsigned long long)apply.interval, (unsigned long long)apply.jitter);
        r = path && text ? directory_make(place, 0755) : -ENOMEM;
        r = r < 0 ? r : file_replace(AT_FDCWD, path, text, strlen(text), 0644);
        return r < 0 ? error_set(error, r, "cannot write %s", path ? path : "the timer") : 0;
}

static int generate(const char *directory, const char *name, const struct config_host *host,
                    bool *wanted, struct machine_error *error)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *unit = systemd_unit_of(name);
        struct machine *machine = NULL;
        int r = unit ? config_load(name, NULL, &diagnostics, &machine, error) : error_oom(error);

        if (r == 0) {
                r = write_order(directory, unit, machine, error);
        }
        if (r == 0 && starts_at_boot(machine, host)) {
                r = make_wanted(directory, TARGET, unit, "container@.service", error);
                *wanted = *wanted || r == 0;
        }
        machine_free(machine);
        return r;
}

static char *enabled_directory(void)
{
        const char *configuration = getenv("XDG_CONFIG_HOME");
        const char *home = getenv("HOME");

        if (!OF_USERS) {
                return strdup("/etc/systemd/system" WANTED);
        }
        return configuration && configuration[0] == '/'
                       ? string_format("%s/systemd/user" WANTED, configuration)
               : home ? string_format("%s/.config/systemd/user" WANTED, home)
                      : NULL;
}

/* Instances of templates are known by their units: those that are enabled. */
static int add_instances(char ***names)
{
        _cleanup_strv_ char **units = NULL;
        _cleanup_free_ char *enabled = enabled_directory();

        if (!enabled || directory_list(AT_FDCWD, enabled, "", &units) < 0) {
                return 0;
        }
        STRV_FOREACH(unit, units) {
                _cleanup_free_ char *name = systemd_machine_of(*unit);

                if (name && strchr(name, '@') && !strv_contains(*names, name) &&
                    strv_append(names, name) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

int main(int argc, char **argv)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_config_host_ struct config_host host = { 0 };
        _cleanup_strv_ char **names = NULL;
        bool wanted = false;

        if (argc != 4) {
                fputs("usage: machinectl-lite-generator NORMAL EARLY LATE\n", stderr);
                return EXIT_FAILURE;
        }
        /* The machines of root are the host's. */
        if (OF_USERS && caller_is_root()) {
                return EXIT_SUCCESS;
        }
        if (write_timer(argv[1], &error) < 0) {
                complain("apply.conf", &error);
                machine_error_clear(&error);
        }
        if (config_host_read(NULL, CONFIG_HOST_LABELS, &host, &error) < 0) {
                complain(NULL, &error);
                return EXIT_SUCCESS;
        }
        if (config_list_machines(NULL, false, &names, &error) < 0 || add_instances(&names) < 0) {
                complain(NULL, &error);
                return EXIT_SUCCESS;
        }
        STRV_FOREACH(name, names) {
                _cleanup_error_ struct machine_error why = MACHINE_ERROR_INIT;

                if (generate(argv[1], *name, &host, &wanted, &why) < 0) {
                        complain(*name, &why);
                }
        }
        if (wanted && make_wanted(argv[1], STARTING, TARGET, TARGET, &error) < 0) {
                complain(NULL, &error);
        }
        return EXIT_SUCCESS;
}

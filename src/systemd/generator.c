/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes what definitions say about the boot known to systemd, see systemd.generator(7): a machine
 * with `autostart` is wanted by machines.target, and `requires` and `after` order its unit. It runs
 * before any file system but the root is sure to be there, and must never fail a boot: a definition
 * that cannot be used is told to the kernel's log, since no other one is there yet, and left out.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/config.h"
#include "systemd/manager.h"

#define TARGET "machines.target"

static void complain(const char *machine, const struct machine_error *error)
{
        _cleanup_free_ char *reason = string_printable(error->message ? error->message : "");
        /* "<4>": a warning (printk). One write is one record. */
        _cleanup_free_ char *line =
                string_format("<4>machinectl-lite-generator: %s%s%s\n", machine ? machine : "",
                              machine ? " is left out: " : "", reason ? reason : "memory is short");
        _cleanup_close_ int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

        if (!line) {
                return;
        }
        if (log >= 0) {
                (void)!write(log, line, strlen(line));
        }
        fputs(line + strlen("<4>"), stderr);
}

/* DIRECTORY/WANTING.wants/UNIT, a link to the file of the unit. */
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
        return r < 0 ? error_set(error, r, "cannot make %s", link) : 0;
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

/* What a machine requires is ready before it starts. */
static int write_order(const char *directory, const char *unit, const struct machine *machine,
                       struct machine_error *error)
{
        _cleanup_free_ char *place = string_format("%s/%s.d", directory, unit);
        _cleanup_free_ char *path = place ? path_join(place, "50-definition.conf") : NULL;
        _cleanup_free_ char *text = strdup("[Unit]\n");
        int r;

        if (!machine->life.requires && !machine->life.after) {
                return 0;
        }
        if (!path || !text || append_units(&text, "Requires", machine->life.requires) < 0 ||
            append_units(&text, "After", machine->life.requires) < 0 ||
            append_units(&text, "After", machine->life.after) < 0) {
                return error_oom(error);
        }
        r = directory_make(place, 0755);
        if (r == 0) {
                r = file_replace(AT_FDCWD, path, text, strlen(text), 0644);
        }
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

static int generate(const char *directory, const char *name, bool *wanted,
                    struct machine_error *error)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *unit = systemd_unit_of(name);
        struct machine *machine = NULL;
        int r = unit ? config_load(name, NULL, &diagnostics, &machine, error) : error_oom(error);

        if (r == 0) {
                r = write_order(directory, unit, machine, error);
        }
        if (r == 0 && machine->life.autostart) {
                r = make_wanted(directory, TARGET, unit, "container@.service", error);
                *wanted = *wanted || r == 0;
        }
        machine_free(machine);
        return r;
}

int main(int argc, char **argv)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_strv_ char **names = NULL;
        bool wanted = false;

        if (argc != 4) {
                fputs("usage: machinectl-lite-generator NORMAL EARLY LATE\n", stderr);
                return EXIT_FAILURE;
        }
        if (config_list_machines(NULL, &names, &error) < 0) {
                complain(NULL, &error);
                return EXIT_SUCCESS;
        }
        STRV_FOREACH(name, names) {
                _cleanup_error_ struct machine_error why = MACHINE_ERROR_INIT;

                if (generate(argv[1], *name, &wanted, &why) < 0) {
                        complain(*name, &why);
                }
        }
        if (wanted && make_wanted(argv[1], "multi-user.target", TARGET, TARGET, &error) < 0) {
                complain(NULL, &error);
        }
        return EXIT_SUCCESS;
}

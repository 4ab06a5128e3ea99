/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verbs that are the service manager's business, and the restart of a booted machine. */

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/definition.h"
#include "cli/machines.h"
#include "cli/verbs.h"
#include "systemd/manager.h"

/* What wants the units of machines; it stays enabled when one of them is disabled. */
#define TARGET "machines.target"

static int control_unit(struct cli *cli, const struct state_store *store, const char *name,
                        void *data, struct machine_error *error)
{
        _cleanup_free_ char *unit = systemd_unit_of(name);
        char *units[] = { unit, strcmp(data, "enable") == 0 ? (char *)TARGET : NULL, NULL };

        return unit ? systemd_control(data, units, error) : error_oom(error);
}

static int run_at_boot(struct cli *cli, const struct verb *verb, int argc, char **argv,
                       struct machine_error *error)
{
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (!systemd_is_booted()) {
                error_say(error, EOPNOTSUPP,
                          "systemd does not run this host: there is nothing to start machines when "
                          "it boots");
                error_hint(error, "have the host's own init run machinectl-lite start");
                return -EOPNOTSUPP;
        }
        return cli_for_each_machine(cli, verb, argv, false, control_unit, (void *)verb->name,
                                    error);
}

/* An init that got SIGINT reboots, as after Ctrl-Alt-Del at a console (systemd(1)). */
static int reboot_machine(struct cli *cli, const struct state_store *store, const char *name,
                          void *data, struct machine_error *error)
{
        static const struct cli_settings none = { 0 };
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int init = -EBADF;
        struct machine *machine = NULL;
        int r = cli_find_running(store, name, &record, &init, error);

        if (r == 0) {
                r = cli_load_definition(cli, record.definition ? record.definition : name, &none,
                                        &machine, error);
        }
        if (r == 0 && !machine->process.boot) {
                r = error_say(error, EINVAL, "machine \"%s\" is not a booted one", name);
                error_hint(error, "machinectl-lite restart %s stops and starts it", name);
        }
        machine_free(machine);
        if (r == 0 && syscall(SYS_pidfd_send_signal, init, SIGINT, NULL, 0) < 0) {
                r = error_set(error, errno, "cannot ask machine \"%s\" to reboot", name);
        }
        return r;
}

static int run_reboot(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        return cli_for_each_machine(cli, verb, argv, false, reboot_machine, NULL, error);
}

const struct verb verb_enable = {
        .name = "enable",
        .arguments = "M..",
        .summary = "start machines when the host boots",
        .run = run_at_boot,
};

const struct verb verb_disable = {
        .name = "disable",
        .arguments = "M..",
        .summary = "do not start machines when the host boots",
        .run = run_at_boot,
};

const struct verb verb_reboot = {
        .name = "reboot",
        .arguments = "M..",
        .summary = "ask booted machines to reboot",
        .run = run_reboot,
};

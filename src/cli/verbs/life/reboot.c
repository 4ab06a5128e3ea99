/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/life/start.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/verbs/verbs.h"

/* On SIGINT an init reboots, as after Ctrl-Alt-Del on a console (systemd(1)). */
static int reboot_machine(struct cli *cli, const struct state_store *store, const char *name,
                          void *data, struct machine_error *error)
{
        static const struct cli_settings none = { 0 };
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int init = -EBADF;
        struct machine *machine = NULL;
        int r = cli_find_running(store, name, &record, &init, error);

        if (r == 0) {
                r = cli_refuse_paused(&record, error);
        }
        if (r == 0) {
                r = cli_load_definition(cli, record.definition ? record.definition : name, &none,
                                        &machine, error);
        }
        if (r == 0 && !machine->process.boot) {
                r = error_say(error, EINVAL, "machine \"%s\" was not booted", name);
                error_hint(error, "restart it instead: machinectl-lite restart %s", name);
        }
        if (r == 0) {
                r = cli_rehearse_machine(cli, machine, error);
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
        return cli_for_each_machine(cli, verb, argv, &(struct cli_selection){ 0 }, reboot_machine,
                                    NULL, error);
}

const struct verb verb_reboot = {
        .name = "reboot",
        .arguments = "M..",
        .summary = "ask booted machines to reboot",
        .run = run_reboot,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/process/signal_name.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/verbs/verbs.h"

struct kill_options {
        int signal;
        struct cli_selection selection;
};

static int take_signal(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        int signal = signal_parse(value);

        if (signal < 0) {
                return error_say(error, EINVAL,
                                 "\"%s\" is not a signal: expected SIGTERM, TERM, 15, SIGRTMIN+3",
                                 value);
        }
        ((struct kill_options *)data)->signal = signal;
        return 0;
}

static const struct cli_option options[] = {
        { 's', "signal", "SIGNAL", "signal to send (default: SIGTERM)", take_signal },
        { 0, "all", NULL, "all running machines", CLI_FLAG(struct kill_options, selection.all) },
        CLI_LABEL_OPTION(struct kill_options, selection.labels),
        CLI_OPTIONS_END,
};

static int kill_machine(struct cli *cli, const struct state_store *store, const char *name,
                        void *data, struct machine_error *error)
{
        const struct kill_options *given = data;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int init = -EBADF;
        int r = cli_find_running(store, name, &record, &init, error);

        if (r < 0) {
                return r;
        }
        if (syscall(SYS_pidfd_send_signal, init, given->signal, NULL, 0) < 0) {
                char text[16];

                signal_name(given->signal, text);
                return error_set(error, errno, "cannot send %s to machine \"%s\"", text, name);
        }
        return 0;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct kill_options given = { .signal = SIGTERM };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        return cli_for_each_machine(cli, verb, argv, &given.selection, kill_machine, &given, error);
}

const struct verb verb_kill = {
        .name = "kill",
        .arguments = "M..",
        .summary = "send a signal to a machine's first process",
        .options = options,
        .run = run,
};

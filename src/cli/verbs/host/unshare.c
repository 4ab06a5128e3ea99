/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A program in the user namespace of a user's machines, in which files of all his subordinate ids
 * are his: for what no other verb does with them. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/rights/caller.h"
#include "cli/machines/user.h"
#include "cli/verbs/verbs.h"

#define SHELL "/bin/sh"

static const struct cli_option options[] = {
        CLI_OPTIONS_END,
};

/* As uid 0 it would find other directories without XDG_RUNTIME_DIR. */
static int keep_directories(const struct cli *cli, struct machine_error *error)
{
        if (getenv("XDG_RUNTIME_DIR") ||
            setenv("MACHINECTL_LITE_RUNTIME_DIR", cli->directories.runtime, 1) == 0) {
                return 0;
        }
        return error_oom(error);
}

static int refuse_root(struct machine_error *error)
{
        error_say(error, EPERM, "machines of root have no user namespace in common");
        error_hint(error, "root needs none to reach their files; users run this verb");
        return -EPERM;
}

static int execute(char **command, struct machine_error *error)
{
        const char *shell = getenv("SHELL");
        char *login[] = { (char *)(shell && *shell ? shell : SHELL), NULL };
        int number;

        if (!command[0]) {
                command = login;
        }
        execvp(command[0], command);
        number = errno;
        error_set(error, number, "cannot execute \"%s\"", command[0]);
        error_kind(error,
                   number == ENOENT ? MACHINE_ERROR_NOT_FOUND : MACHINE_ERROR_NOT_EXECUTABLE);
        return -number;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (caller_is_root()) {
                return refuse_root(error);
        }
        r = cli_enter_user(cli, error);
        if (r == 0) {
                r = keep_directories(cli, error);
        }
        return r < 0 ? r : execute(argv, error);
}

const struct verb verb_unshare = {
        .name = "unshare",
        .arguments = "[COMMAND..]",
        .summary = "run a program with the ids of machines' files",
        .options = options,
        .stop_at_argument = true,
        .run = run,
        .failure_status = 125,
};

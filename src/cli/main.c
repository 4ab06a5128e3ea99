/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cli/common/cli.h"
#include "cli/common/directories.h"
#include "cli/verbs/verbs.h"

/* <sysexits.h> under the names that design and documentation use. */
enum exit_status {
        STATUS_FAILED = 1,
        STATUS_USAGE = 64,
        STATUS_DEFINITION = 65,
        STATUS_NO_INPUT = 66,
        STATUS_NOT_EXECUTABLE = 126,
        STATUS_NOT_FOUND = 127,
};

static const enum exit_status status_of_kind[] = {
        [MACHINE_ERROR_FAILED] = STATUS_FAILED,
        [MACHINE_ERROR_USAGE] = STATUS_USAGE,
        [MACHINE_ERROR_DEFINITION] = STATUS_DEFINITION,
        [MACHINE_ERROR_NO_INPUT] = STATUS_NO_INPUT,
        [MACHINE_ERROR_NOT_EXECUTABLE] = STATUS_NOT_EXECUTABLE,
        [MACHINE_ERROR_NOT_FOUND] = STATUS_NOT_FOUND,
};

/* --help, --help all, and --help VERB. */
static int help(struct cli *cli, int argc, char **argv, struct machine_error *error)
{
        const struct verb *verb;

        if (argc == 0) {
                cli_print_help();
                return 0;
        }
        if (strcmp(argv[0], "all") == 0) {
                cli_print_all_help();
                return 0;
        }
        verb = cli_find_verb(argv[0], error);
        return verb ? verb->run(cli, verb, argc, argv, error) : -EINVAL;
}

static int dispatch(struct cli *cli, int argc, char **argv, const struct verb **ret_verb,
                    struct machine_error *error)
{
        const struct verb *verb;
        int r = cli_set_directories(&cli->directories, error);

        if (r == 0) {
                r = cli_parse_program(cli, &argc, &argv, error);
        }
        if (r < 0) {
                return r;
        }
        if (cli->version) {
                cli_print_version();
                return 0;
        }
        if (!cli->help && argc > 0 && strcmp(argv[0], "help") == 0) {
                cli->help = true;
                argc--;
                argv++;
        }
        if (cli->help) {
                return help(cli, argc, argv, error);
        }
        if (argc == 0) {
                return cli_usage_error(NULL, error, "no verb given");
        }
        verb = cli_find_verb(argv[0], error);
        if (!verb) {
                return -EINVAL;
        }
        *ret_verb = verb;
        return verb->run(cli, verb, argc, argv, error);
}

/* Failing to write the output is a failure, even if everything else succeeded. */
static int flush_output(struct machine_error *error)
{
        if (fflush(stdout) != 0 || ferror(stdout)) {
                return error_set(error, errno, "cannot write to standard output");
        }
        return 0;
}

/* run and exec pass on the payload's exit status and use 125 for their own failures. Only they have
 * statuses for programs that cannot be executed or are not found, as env(1) does. */
static int failure_status(const struct verb *verb, const struct machine_error *error)
{
        bool of_program = error->kind == MACHINE_ERROR_NOT_EXECUTABLE ||
                          error->kind == MACHINE_ERROR_NOT_FOUND;

        if (verb && verb->failure_status) {
                return of_program ? (int)status_of_kind[error->kind] : verb->failure_status;
        }
        return of_program ? STATUS_FAILED : (int)status_of_kind[error->kind];
}

int main(int argc, char **argv)
{
        struct cli cli = {
                .log = { .fd = STDERR_FILENO, .level = LOG_LEVEL_NOTICE, .started = log_now() },
                .title = process_title_of(argc, argv),
                .legend = true,
                .pager = true,
        };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        const struct verb *verb = NULL;
        int status = file_hold_standard();

        /* If the caller ignores SIGCHLD, that is inherited, and the kernel would discard the exit
         * status of the machine. */
        (void)signal(SIGCHLD, SIG_DFL);
        if (status < 0) {
                error_set(&error, status, "cannot open /dev/null in place of a closed descriptor");
        } else if (caller_check(&error) < 0) {
                status = -EPERM;
        } else {
                status = dispatch(&cli, argc, argv, &verb, &error);
        }
        if (status >= 0 && flush_output(&error) < 0) {
                status = -EIO;
        }
        if (status < 0) {
                log_error(&cli.log, &error);
                status = failure_status(verb, &error);
        }
        strv_free(cli.directories.config_path);
        free(cli.directories.stored);
        free(cli.directories.runtime);
        free(cli.directories.state);
        free(cli.directories.log);
        return status;
}

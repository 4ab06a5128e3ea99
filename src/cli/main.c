/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cli/cli.h"
#include "cli/verbs.h"

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

/* clang-format off */
const struct verb *const cli_verbs[] = {
        &verb_check,
        &verb_config,
        &verb_schema,
        &verb_create,
        &verb_run,
        &verb_start,
        &verb_stop,
        &verb_restart,
        &verb_kill,
        &verb_pause,
        &verb_resume,
        &verb_reboot,
        &verb_wait,
        &verb_exec,
        &verb_shell,
        &verb_copy_to,
        &verb_copy_from,
        &verb_list,
        &verb_status,
        &verb_show,
        &verb_logs,
        &verb_stats,
        &verb_set_limit,
        &verb_enable,
        &verb_disable,
        &verb_delete,
        &verb_network,
        &verb_collect,
        &verb_doctor,
        &verb_pull,
        &verb_load,
        &verb_save,
        &verb_commit,
        &verb_push,
        &verb_list_images,
        &verb_image_status,
        &verb_remove_image,
        &verb_prune,
        &verb_supervise,
        NULL,
};
/* clang-format on */

/* A directory: the environment variable, else the place a distribution expects. */
static int directory_from(const char *variable, const char *fallback, char **place, bool *usual,
                          struct machine_error *error)
{
        const char *value = getenv(variable);

        if (value && *value) {
                *usual = false;
        }

        if (value && *value && value[0] != '/') {
                error_say(error, EINVAL, "%s=%s: not an absolute path", variable, value);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return string_replace(place, value && *value ? value : fallback) < 0 ? error_oom(error) : 0;
}

static int directories_from_environment(struct cli_directories *directories,
                                        struct machine_error *error)
{
        _cleanup_free_ char *config_path = NULL;
        const char *value = getenv("MACHINECTL_LITE_CONFIG_PATH");
        int r;

        directories->usual = !value || !*value;
        if (directories->usual) {
                value = "/etc/machines:/run/machines:/usr/local/lib/machines:/usr/lib/machines";
        }
        if (strv_split(value, ':', &directories->config_path) < 0) {
                return error_oom(error);
        }
        r = directory_from("MACHINECTL_LITE_RUNTIME_DIR", "/run/machinectl-lite",
                           &directories->runtime, &directories->usual, error);
        if (r == 0) {
                r = directory_from("MACHINECTL_LITE_STATE_DIR", "/var/lib/machinectl-lite",
                                   &directories->state, &directories->usual, error);
        }
        if (r == 0) {
                r = directory_from("MACHINECTL_LITE_LOG_DIR", "/var/log/machinectl-lite",
                                   &directories->log, &directories->usual, error);
        }
        return r;
}

static const struct verb *find_verb(const char *name)
{
        for (const struct verb *const *verb = cli_verbs; *verb; verb++) {
                if (strcmp((*verb)->name, name) == 0) {
                        return *verb;
                }
        }
        return NULL;
}

int cli_usage_error(const struct verb *verb, struct machine_error *error, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = string_format_list(format, arguments);
        va_end(arguments);
        if (!text) {
                return error_oom(error);
        }
        error_say(error, EINVAL, "%s%s%s", verb ? verb->name : "", verb ? ": " : "", text);
        error_hint(error, "machinectl-lite %s%s--help tells what is expected",
                   verb ? verb->name : "", verb ? " " : "");
        return error_kind(error, MACHINE_ERROR_USAGE);
}

static int dispatch(struct cli *cli, int argc, char **argv, const struct verb **ret_verb,
                    struct machine_error *error)
{
        const struct verb *verb;
        int r = directories_from_environment(&cli->directories, error);

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
        if (argc == 0) {
                if (!cli->help) {
                        return cli_usage_error(NULL, error, "no verb given");
                }
                cli_print_help();
                return 0;
        }
        verb = find_verb(argv[0]);
        if (!verb) {
                return cli_usage_error(NULL, error, "unknown verb \"%s\"", argv[0]);
        }
        *ret_verb = verb;
        return verb->run(cli, verb, argc, argv, error);
}

/* Output that did not reach its file or pipe is a failure even when all else went well. */
static int flush_output(struct machine_error *error)
{
        if (fflush(stdout) != 0 || ferror(stdout)) {
                return error_set(error, errno, "cannot write to standard output");
        }
        return 0;
}

/* run and exec pass a payload's status on and have one of their own for all that is theirs; whether
 * a program was found is a status with them alone, as with env(1). */
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
                .legend = true,
                .pager = true,
        };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        const struct verb *verb = NULL;
        int status = file_hold_standard();

        /* Of a caller that ignores it this is inherited, and the kernel would reap a machine before
         * anybody could ask how it ended. */
        (void)signal(SIGCHLD, SIG_DFL);
        if (status < 0) {
                error_set(&error, status, "cannot open /dev/null in place of a closed descriptor");
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
        free(cli.directories.runtime);
        free(cli.directories.state);
        free(cli.directories.log);
        return status;
}

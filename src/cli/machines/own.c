/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/own.h"

#include "base/error.h"
#include "base/process/program.h"
#include "base/strings.h"

static const struct program own = {
        .name = "machinectl-lite",
        .purpose = "this program",
        .places = (const char *const[]){ "machinectl-lite", NULL },
};

static int add_directories(const struct cli *cli, char ***arguments)
{
        const struct cli_directories *directories = &cli->directories;
        _cleanup_free_ char *path = strv_join(directories->config_path, ":");
        int r = strv_take(arguments, path ? string_format("--config-path=%s", path) : NULL);

        r = r < 0 ? r : strv_take(arguments, string_format("--state-dir=%s", directories->state));
        r = r < 0 ? r
                  : strv_take(arguments, string_format("--runtime-dir=%s", directories->runtime));
        return r < 0 ? r : strv_take(arguments, string_format("--log-dir=%s", directories->log));
}

/* Directories that are the defaults are not given: a unit of the machine is only used then. */
static int make_arguments(const struct cli *cli, const char *const *arguments, char ***ret)
{
        _cleanup_strv_ char **all = NULL;
        int r = cli->directories.usual ? 0 : add_directories(cli, &all);

        for (; r == 0 && *arguments; arguments++) {
                r = strv_append(&all, *arguments);
        }
        if (r == 0) {
                *ret = TAKE_PTR(all);
        }
        return r;
}

int cli_run_own(const struct cli *cli, const char *const *arguments, char **ret_output,
                struct machine_error *error)
{
        _cleanup_free_ char *output = NULL;
        _cleanup_strv_ char **all = NULL;
        int r = make_arguments(cli, arguments, &all) < 0
                        ? error_oom(error)
                        : program_run(&own, (const char *const *)all, "", &output, error);

        if (r >= 0 && ret_output) {
                *ret_output = TAKE_PTR(output);
        }
        return r;
}

int cli_ask_own(const struct cli *cli, const char *const *arguments, const char *what, json_t **ret,
                struct machine_error *error)
{
        _cleanup_free_ char *output = NULL;
        int r = cli_run_own(cli, arguments, &output, error);

        if (r != 0) {
                return r < 0 ? r : error_say(error, EIO, "%s", what);
        }
        *ret = json_loads(output, 0, NULL);
        return *ret ? 0 : error_say(error, EBADMSG, "%s: the answer is not JSON", what);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Executes machinectl-lite-convert, which has the readers of other formats and their libraries. */

#include "base/error.h"
#include "base/process/program.h"
#include "base/strings.h"
#include "cli/verbs/verbs.h"
#include "machinectl-lite-settings.h"

static const struct program converter = {
        .name = "machinectl-lite-convert",
        .purpose = "which converts definitions",
        .places = (const char *const[]){ LIBEXEC_FROM_BINDIR "/machinectl-lite-convert",
                                         "../convert/machinectl-lite-convert", NULL },
};

/* Passes an option on unchanged. */
static int take(const struct cli_option *option, const char *value, void *data,
                struct machine_error *error)
{
        char ***arguments = data;

        return strv_take(arguments, string_format("--%s%s%s", option->name, value ? "=" : "",
                                                  value ? value : "")) < 0
                       ? error_oom(error)
                       : 0;
}

static const struct cli_option options[] = {
        { 'o', "out", "DIR", "write files to DIR instead of standard output", take },
        { 0, "force", NULL, "replace files in DIR", take },
        { 0, "from", "KIND", "run, compose, quadlet, nspawn, lxc or oci", take },
        { 0, "to", "KIND", "convert a definition to quadlet, nspawn or oci", take },
        { 0, "name", "NAME", "the name of the machine", take },
        { 0, "profile", "PROFILE", "a profile of a compose file; \"*\": all", take },
        { 0, "env-file", "FILE", "variables of a compose file instead of .env", take },
        CLI_OPTIONS_END,
};

static int add_common(const struct cli *cli, char ***arguments)
{
        _cleanup_free_ char *path = strv_join(cli->directories.config_path, ":");
        int r = strv_take(arguments, path ? string_format("--search-path=%s", path) : NULL);

        if (r == 0 && cli->json != CLI_JSON_OFF) {
                r = strv_append(arguments, "--json");
        }
        if (r == 0 && cli->log.level == LOG_LEVEL_ERROR) {
                r = strv_append(arguments, "--quiet");
        }
        if (r == 0 && cli->log.colour) {
                r = strv_append(arguments, "--colour");
        }
        return r < 0 ? r : strv_append(arguments, "--");
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_strv_ char **arguments = NULL;
        int r = cli_parse(cli, verb, &arguments, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc == 0) {
                return cli_usage_error(verb, error, "a source is missing");
        }
        r = add_common(cli, &arguments);
        for (int i = 0; i < argc && r == 0; i++) {
                r = strv_append(&arguments, argv[i]);
        }
        return r < 0 ? error_oom(error) : program_execute(&converter, arguments, error);
}

const struct verb verb_convert = {
        .name = "convert",
        .arguments = "SOURCE.. | -- docker run..",
        .summary = "convert from compose, Quadlet, LXC and others",
        .options = options,
        .run = run,
};

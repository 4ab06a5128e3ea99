/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/verbs/verbs.h"
#include "config/check/check.h"
#include "config/config.h"
#include "config/show.h"

/* Findings are left to check: the files of an invalid definition are shown as well. */
static int show_files(const struct cli *cli, const char *name, struct machine_error *error)
{
        _cleanup_config_definition_ struct config_definition *definition = NULL;
        _cleanup_diagnostics_ struct diagnostics findings = { 0 };
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        const struct config_options options = { .search_path = search_path,
                                                .instance = "instance" };
        _cleanup_free_ char *text = NULL;
        int r = search_path ? config_definition_open(name, &options, &findings, &definition, error)
                            : error_oom(error);

        if (r < 0) {
                return r;
        }
        text = config_files_text(definition);
        if (!text) {
                return error_oom(error);
        }
        fputs(text, stdout);
        return 0;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc == 0) {
                return cli_usage_error(verb, error, "no machine given");
        }
        for (int i = 0; i < argc && r == 0; i++) {
                if (i > 0) {
                        putchar('\n');
                }
                r = show_files(cli, argv[i], error);
        }
        return r;
}

const struct verb verb_cat = {
        .name = "cat",
        .arguments = "M..",
        .summary = "show the files of definitions",
        .run = run,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/hosts.h"

#include <errno.h>

#include "apply/apply.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/output/print.h"

/* EX_DATAERR of <sysexits.h>. */
#define STATUS_DEFINITION 65

/* One run over all hosts. */
struct survey {
        const struct cli *cli;
        char *tree;
        const char *shown; /* the directory as it was given */
        bool strict;
        json_t *hosts;
        bool wrong;
};

static json_t *host_json(const char *host, struct diagnostics *diagnostics)
{
        json_t *findings = diagnostics_json(diagnostics);

        return findings ? json_pack("{s:s?, s:o}", "host", host, "findings", findings) : NULL;
}

static int print_host(const struct survey *survey, const char *host,
                      struct diagnostics *diagnostics, struct machine_error *error)
{
        const struct cli *cli = survey->cli;
        _cleanup_free_ char *text = NULL;

        if (cli->json != CLI_JSON_OFF) {
                return json_array_append_new(survey->hosts, host_json(host, diagnostics)) < 0
                               ? error_oom(error)
                               : 0;
        }
        if (diagnostics->count == 0) {
                return 0;
        }
        text = diagnostics_format(diagnostics, cli->log.colour);
        if (!text) {
                return error_oom(error);
        }
        if (host) {
                log_notice(&cli->log, "host \"%s\":", host);
        }
        (void)file_write_all(cli->log.fd, text, strlen(text));
        return 0;
}

static int check_host(struct survey *survey, const char *host, struct machine_error *error)
{
        static char *const nowhere[] = { NULL };
        const struct view_options options = {
                .tree = survey->tree,
                .config_path = nowhere,
                /* No directory has an empty name. */
                .host = host ? host : "",
                .strict = survey->strict,
        };
        _cleanup_view_ struct view *view = NULL;
        int r = view_load(&options, &view, error);

        if (r == 0 && view_name_files(view, survey->shown) < 0) {
                r = error_oom(error);
        }
        if (r == 0) {
                survey->wrong |= view->diagnostics.errors > 0;
                r = print_host(survey, host, &view->diagnostics, error);
        }
        return r;
}

int cli_check_hosts(const struct cli *cli, const char *directory, bool strict,
                    struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        struct survey survey = { .cli = cli, .shown = directory, .strict = strict };
        int r = fetch_origin(directory, &survey.tree, error);

        survey.hosts = json_array();
        r = r < 0 ? r : view_hosts(survey.tree, &names, error);
        r = r < 0 ? r : check_host(&survey, NULL, error);
        STRV_FOREACH(name, names) {
                r = r < 0 ? r : check_host(&survey, *name, error);
        }
        if (r == 0 && cli->json != CLI_JSON_OFF) {
                r = cli_print_json(cli, json_incref(survey.hosts), error);
        }
        json_decref(survey.hosts);
        free(survey.tree);
        return r < 0 ? r : survey.wrong ? STATUS_DEFINITION : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "apply/apply.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cli/life/start.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/output/application.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"
#include "config/config.h"
#include "systemd/manager.h"

/* Something would be changed. */
#define STATUS_CHANGES 2
/* EX_DATAERR of <sysexits.h>. */
#define STATUS_DEFINITION 65

struct arguments {
        struct cli_settings settings; /* first, for cli_take_trust() */
        struct apply_options options;
        bool exit_code;
        bool history;
        bool rollback;
        bool status;
        bool all;
        struct config_apply configured;
};

static int take_prune(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        struct arguments *arguments = data;

        if (value && strcmp(value, "data") != 0) {
                return error_say(error, EINVAL, "--prune=%s: expected no value or \"data\"", value);
        }
        arguments->options.prune = true;
        arguments->options.prune_data |= value != NULL;
        return 0;
}

static int take_verify(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        struct fetch_request *fetch = &((struct arguments *)data)->options.fetch;

        fetch->verify = strcmp(value, "commit") == 0 ? FETCH_VERIFY_COMMIT
                        : strcmp(value, "tag") == 0  ? FETCH_VERIFY_TAG
                                                     : FETCH_VERIFY_NOTHING;
        return fetch->verify == FETCH_VERIFY_NOTHING && strcmp(value, "no") != 0
                       ? error_say(error, EINVAL, "--verify=%s: expected commit, tag or no", value)
                       : 0;
}

static int take_text(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        *(const char **)((char *)data + option->flag) = value;
        return 0;
}

#define TEXT(member) take_text, offsetof(struct arguments, member)

static const struct cli_option options[] = {
        { 0, "plan", NULL, "only print what would happen",
          CLI_FLAG(struct arguments, options.plan) },
        { 0, "exit-code", NULL, "with --plan: status 2 if something would happen",
          CLI_FLAG(struct arguments, exit_code) },
        { 'a', "all", NULL, "also list unchanged machines", CLI_FLAG(struct arguments, all) },
        { 0, "host", "NAME", "with --plan: the view of another host", TEXT(options.as_host) },
        { 0, "prune", "[data]", "stop machines that are gone; data: with files", take_prune },
        { 0, "atomic", NULL, "if a machine fails, take everything back",
          CLI_FLAG(struct arguments, options.atomic) },
        { 0, "force", NULL, "retry what failed, accept rewritten history",
          CLI_FLAG(struct arguments, options.force) },
        { 0, "revision", "REV", "of a URL: a branch, tag or commit", TEXT(options.fetch.revision) },
        { 0, "verify", "WHAT", "what must be signed: commit or tag", take_verify },
        { 0, "signers", "PATH", "the signers that --verify accepts", TEXT(options.fetch.signers) },
        { 0, "key", "FILE", "the private key for ssh", TEXT(options.fetch.key) },
        { 0, "submodules", NULL, "of a URL: fetch its submodules",
          CLI_FLAG(struct arguments, options.fetch.submodules) },
        { 0, "source", "ID", "the source, if not found by its origin", TEXT(options.source) },
        { 0, "history", NULL, "print what was applied", CLI_FLAG(struct arguments, history) },
        { 0, "rollback", NULL, "apply a stored revision, or the one before",
          CLI_FLAG(struct arguments, rollback) },
        { 0, "status", NULL, "print the sources of this host", CLI_FLAG(struct arguments, status) },
        CLI_TRUST_OPTION,
        CLI_OPTIONS_END,
};

static int check_usage(const struct verb *verb, struct arguments *arguments, char *const *words,
                       struct machine_error *error)
{
        struct apply_options *given = &arguments->options;
        bool asks = arguments->history || arguments->status;

        if (arguments->history + arguments->status + arguments->rollback > 1) {
                return cli_usage_error(verb, error,
                                       "--history, --rollback and --status exclude each other");
        }
        if (words[0] && (words[1] || asks)) {
                return cli_usage_error(verb, error, "unexpected argument \"%s\"",
                                       asks ? words[0] : words[1]);
        }
        if (given->as_host && !given->plan) {
                return cli_usage_error(verb, error, "--host needs --plan");
        }
        if (given->source && (!path_is_component(given->source) || given->source[0] == '.')) {
                return cli_usage_error(verb, error, "\"%s\" is not the id of a source",
                                       given->source);
        }
        if (arguments->rollback) {
                given->rollback = words[0] ? words[0] : "";
        } else {
                given->origin = words[0];
        }
        return 0;
}

/* Without an argument, what the timer applies; options of the command line take precedence. */
static void take_configuration(struct apply_options *given, const struct config_apply *configured)
{
        static const enum fetch_verify verify[] = {
                [CONFIG_VERIFY_NO] = FETCH_VERIFY_NOTHING,
                [CONFIG_VERIFY_COMMIT] = FETCH_VERIFY_COMMIT,
                [CONFIG_VERIFY_TAG] = FETCH_VERIFY_TAG,
        };
        struct fetch_request *fetch = &given->fetch;

        given->origin = configured->source;
        given->prune |= configured->prune != CONFIG_PRUNE_NO;
        given->prune_data |= configured->prune == CONFIG_PRUNE_DATA;
        given->atomic |= configured->atomic;
        fetch->verify =
                fetch->verify != FETCH_VERIFY_NOTHING ? fetch->verify : verify[configured->verify];
        fetch->revision = fetch->revision ? fetch->revision : configured->revision;
        fetch->signers = fetch->signers ? fetch->signers : configured->signers;
        fetch->key = fetch->key ? fetch->key : configured->key;
        fetch->submodules |= configured->submodules;
}

static int read_configuration(const struct verb *verb, struct arguments *arguments,
                              struct machine_error *error)
{
        const struct config_options reading = { .trust.required = true };
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *text = NULL;
        int r;

        if (access(CONFIG_APPLY_FILE, F_OK) < 0) {
                return cli_usage_error(
                        verb, error,
                        "expected a directory, the URL of a git repository, \"-\", or "
                        "the file " CONFIG_APPLY_FILE);
        }
        r = config_load_apply(CONFIG_APPLY_FILE, &reading, &diagnostics, &arguments->configured,
                              error);
        if (r < 0) {
                text = diagnostics_format(&diagnostics, false);
                (void)file_write_all(STDERR_FILENO, text ? text : "", text ? strlen(text) : 0);
                return r;
        }
        take_configuration(&arguments->options, &arguments->configured);
        return 0;
}

static int print_findings(const struct cli *cli, struct application *application,
                          struct machine_error *error)
{
        struct diagnostics *diagnostics =
                application->view ? &application->view->diagnostics : NULL;
        _cleanup_free_ char *text =
                diagnostics ? diagnostics_format(diagnostics, cli->log.colour) : NULL;

        if (text && (diagnostics->errors > 0 || cli->log.level >= LOG_LEVEL_WARNING)) {
                (void)file_write_all(cli->log.fd, text, strlen(text));
        }
        if (!diagnostics || diagnostics->errors == 0) {
                return 0;
        }
        error_say(error, EINVAL, "the definitions have %zu error%s: nothing was changed",
                  diagnostics->errors, diagnostics->errors == 1 ? "" : "s");
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

static int print_plan_only(const struct cli *cli, const struct arguments *arguments,
                           const struct application *application, struct machine_error *error)
{
        int r = cli->json != CLI_JSON_OFF ? cli_print_json(cli, cli_plan_json(application), error)
                                          : cli_print_plan(cli, application, arguments->all, error);

        STRV_FOREACH(clash, application->clashes) {
                log_line(&cli->log, LOG_LEVEL_ERROR, "%s", *clash);
        }
        if (r == 0 && application->clashes) {
                return STATUS_DEFINITION;
        }
        return r < 0                                                    ? r
               : arguments->exit_code && application->plan->changes > 0 ? STATUS_CHANGES
                                                                        : 0;
}

static int carry_out(const struct cli *cli, const struct arguments *arguments,
                     struct application *application, struct machine_error *error)
{
        json_t *json = cli->json != CLI_JSON_OFF ? cli_plan_json(application) : NULL;
        int failed, r = 0;

        if (cli->json == CLI_JSON_OFF && !application->clashes) {
                r = cli_print_plan(cli, application, arguments->all, error);
        }
        failed = r < 0 ? r : application_carry_out(application, error);
        if (failed < 0) {
                json_decref(json);
                return failed;
        }
        if (json) {
                r = cli_add_results(json, application);
                r = cli_print_json(cli, r < 0 ? NULL : json, error);
        }
        if (r == 0 && failed > 0) {
                error_say(error, EIO, "%d machine%s not as the directory says", failed,
                          failed == 1 ? " is" : "s are");
                error_hint(error, "machinectl-lite apply --status shows which and why");
                return -EIO;
        }
        return r;
}

static int apply(struct cli *cli, struct arguments *arguments, struct machine_error *error)
{
        struct application application;
        int r = application_open(&arguments->options, &application, error);
        int findings = r < 0 ? r : print_findings(cli, &application, error);

        if (findings == 0) {
                r = arguments->options.plan ? print_plan_only(cli, arguments, &application, error)
                                            : carry_out(cli, arguments, &application, error);
        } else {
                r = findings;
        }
        application_close(&application);
        return r;
}

static int show(struct cli *cli, const struct arguments *arguments, struct machine_error *error)
{
        _cleanup_source_store_ struct source_store store = SOURCE_STORE_INIT;
        _cleanup_source_record_ struct source_record record = { 0 };
        int r;

        if (arguments->status) {
                return cli_print_sources(cli, arguments->options.source, error);
        }
        r = apply_open_source(cli->directories.state, arguments->options.source, &store, &record,
                              error);
        return r < 0 ? r : cli_print_history(cli, &store, &record, error);
}

/* Definitions of a tree and what it runs are root's; a user who tried would be told to give his
 * files to root. */
static int check_caller(struct machine_error *error)
{
        if (geteuid() == 0) {
                return 0;
        }
        error_say(error, EPERM, "apply is for machines of root: it manages the whole host");
        error_hint(error, "run it as root; your own machines: machinectl-lite start "
                          "DIRECTORY/*.machine, and \"enable\" to start them again");
        return -EPERM;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct arguments arguments = { 0 };
        int r = cli_parse(cli, verb, &arguments, &argc, &argv, error);

        r = r != 0 ? r : check_usage(verb, &arguments, argv, error);
        r = r != 0 ? r : check_caller(error);
        if (r == 0 && !argv[0] && !arguments.history && !arguments.status && !arguments.rollback) {
                r = read_configuration(verb, &arguments, error);
        }
        if (r == 0) {
                r = process_close_from(STDERR_FILENO + 1);
        }
        if (r != 0) {
                return r < 0 ? r : 0;
        }
        arguments.options.host = (struct execute_host){
                .directories = cli_supervisor_options(cli).directories,
                .log_directory = cli->directories.log,
                .log = &cli->log,
                .units =
                        cli->directories.usual && systemd_is_booted() && systemd_has_machine_unit(),
        };
        arguments.options.fetch.trusted_owner = arguments.settings.trusted_owner;
        r = arguments.history || arguments.status ? show(cli, &arguments, error)
                                                  : apply(cli, &arguments, error);
        config_apply_clear(&arguments.configured);
        return r;
}

const struct verb verb_apply = {
        .name = "apply",
        .arguments = "[DIRECTORY|URL|-]",
        .summary = "apply a directory of definitions",
        .options = options,
        .run = run,
};

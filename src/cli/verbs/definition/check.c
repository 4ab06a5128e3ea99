/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"
#include "base/tree/directory.h"
#include "cli/output/print.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "cli/machines/hosts.h"
#include "cli/machines/machines.h"
#include "cli/verbs/verbs.h"
#include "config/config.h"

struct arguments {
        bool json;
        bool strict;
        bool all_hosts;
};

/* One run: all findings, and all definitions, which are kept to be compared with each other. */
struct check {
        struct config_options options;
        struct diagnostics diagnostics;
        struct config_definition **definitions;
        size_t count;
        bool missing; /* a given file does not exist */
};

static int take_format(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        struct arguments *arguments = data;

        arguments->json = strcmp(value, "json") == 0;
        if (!arguments->json && strcmp(value, "text") != 0) {
                return error_say(error, EINVAL, "--format=%s: expected text or json", value);
        }
        return 0;
}

static const struct cli_option options[] = {
        { 0, "format", "FORMAT", "text or json", take_format },
        { 0, "all-hosts", NULL, "a directory for apply, as each host sees it",
          CLI_FLAG(struct arguments, all_hosts) },
        { 0, "strict", NULL, "treat warnings as errors", CLI_FLAG(struct arguments, strict) },
        CLI_OPTIONS_END,
};

static int keep(struct check *check, struct config_definition *definition)
{
        struct config_definition **grown = reallocarray(check->definitions, check->count + 1,
                                                        sizeof(struct config_definition *));

        if (!grown) {
                config_definition_free(definition);
                return -ENOMEM;
        }
        definition->position = check->count;
        check->definitions = grown;
        grown[check->count++] = definition;
        return 0;
}

/* A file that cannot be read becomes a finding, so that the remaining files are still checked. */
static int note_failure(struct check *check, const char *name, size_t errors,
                        struct machine_error *error)
{
        struct diagnostic finding = { .severity = DIAGNOSTIC_ERROR };

        if (error->kind == MACHINE_ERROR_USAGE || error->number == ENOMEM) {
                return -EINVAL;
        }
        check->missing |= error->kind == MACHINE_ERROR_NO_INPUT;
        /* The error only sums up the findings of this file. */
        if (check->diagnostics.errors > errors) {
                machine_error_clear(error);
                return 0;
        }
        finding.place.file = strdup(name);
        finding.message = TAKE_PTR(error->message);
        finding.hint = TAKE_PTR(error->hint);
        machine_error_clear(error);
        return diagnostics_add(&check->diagnostics, &finding) < 0 ? error_oom(error) : 0;
}

static int check_machine(struct check *check, const char *name, struct machine_error *error)
{
        struct config_definition *definition;
        size_t errors = check->diagnostics.errors;
        int r = config_definition_open(name, &check->options, &check->diagnostics, &definition,
                                       error);

        if (r < 0) {
                return note_failure(check, name, errors, error);
        }
        if (keep(check, definition) < 0 || config_check_host(definition, "/etc") < 0 ||
            config_check_user(definition) < 0 || config_check_trust(definition) < 0 ||
            config_check_places(definition) < 0 || config_check_images(definition) < 0) {
                return error_oom(error);
        }
        return 0;
}

static int check_network(struct check *check, const char *name, struct machine_error *error)
{
        struct network_definition *network;
        size_t errors = check->diagnostics.errors;
        int r = config_load_network(name, &check->options, &check->diagnostics, &network, error);

        if (r < 0) {
                return note_failure(check, name, errors, error);
        }
        network_definition_free(network);
        return 0;
}

static int check_volume(struct check *check, const char *name, struct machine_error *error)
{
        struct volume_definition *volume;
        size_t errors = check->diagnostics.errors;
        int r = config_load_volume(name, &check->options, &check->diagnostics, &volume, error);

        if (r < 0) {
                return note_failure(check, name, errors, error);
        }
        volume_definition_free(volume);
        return 0;
}

static const struct {
        const char *suffix;
        int (*check)(struct check *check, const char *name, struct machine_error *error);
} kinds[] = {
        { ".machine", check_machine },
        { ".pod", check_machine },
        { ".network", check_network },
        { ".volume", check_volume },
};

static bool is_definition(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                if (string_ends_with(name, kinds[i].suffix)) {
                        return true;
                }
        }
        return false;
}

static int check_one(struct check *check, const char *name, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                if (string_ends_with(name, kinds[i].suffix)) {
                        return kinds[i].check(check, name, error);
                }
        }
        return check_machine(check, name, error);
}

static int list_directory(const char *path, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL, **files = NULL;
        int r = directory_list(AT_FDCWD, path, "", &names);

        if (r < 0) {
                return error_set(error, r, "cannot read %s", path);
        }
        STRV_FOREACH(name, names) {
                if (is_definition(*name) && strv_take(&files, path_join(path, *name)) < 0) {
                        return error_oom(error);
                }
        }
        *ret = TAKE_PTR(files);
        return 0;
}

static int check_argument(struct check *check, const char *argument, struct machine_error *error)
{
        _cleanup_strv_ char **files = NULL;
        struct stat status;
        int r = 0;

        if (strcmp(argument, "-") == 0 || stat(argument, &status) < 0 || !S_ISDIR(status.st_mode)) {
                return check_one(check, argument, error);
        }
        r = list_directory(argument, &files, error);
        if (r < 0) {
                return note_failure(check, argument, check->diagnostics.errors, error);
        }
        STRV_FOREACH(file, files) {
                r = check_one(check, *file, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* Errors in the definition of the network are reported when that is checked. */
static int check_addresses_in(struct check *check, struct config_definition *definition,
                              const char *name)
{
        const struct machine *machine = definition->machine;
        _cleanup_free_ char *beside = NULL;
        _cleanup_diagnostics_ struct diagnostics unheard = { 0 };
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        struct network_definition *network = NULL;
        int r;

        if (config_find_beside(machine->definition, name, ".network", &beside) < 0) {
                return -ENOMEM;
        }
        r = config_load_network(beside ? beside : name, &check->options, &unheard, &network,
                                &reason);
        r = r == 0 ? config_check_addresses(definition, network) : 0;
        network_definition_free(network);
        return r;
}

static int check_addresses(struct check *check, struct config_definition *definition)
{
        _cleanup_strv_ char **names = NULL;
        int r = config_network_names(definition->machine, &names);

        STRV_FOREACH(name, names) {
                r = r < 0 ? r : check_addresses_in(check, definition, *name);
        }
        return r;
}

static int check_all(struct check *check, char *const *arguments, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = 0;

        /* Without arguments, check all definitions in the search path. */
        if (!arguments[0]) {
                r = config_list_machines(check->options.search_path, true, &names, error);
                arguments = names;
        }
        STRV_FOREACH(argument, arguments) {
                r = check_argument(check, *argument, error);
                if (r < 0) {
                        return r;
                }
        }
        for (size_t i = 0; r == 0 && i < check->count; i++) {
                r = check_addresses(check, check->definitions[i]) < 0 ? error_oom(error) : 0;
        }
        if (r == 0 && (config_check_together(check->definitions, check->count) < 0 ||
                       config_check_references(check->definitions, check->count,
                                               check->options.search_path) < 0)) {
                return error_oom(error);
        }
        return r;
}

static int print_findings(struct cli *cli, struct check *check, const struct arguments *arguments,
                          struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;

        if (arguments->json || cli->json != CLI_JSON_OFF) {
                if (cli->json == CLI_JSON_OFF) {
                        cli->json = CLI_JSON_PRETTY;
                }
                return cli_print_json(cli, diagnostics_json(&check->diagnostics), error);
        }
        text = diagnostics_format(&check->diagnostics, cli->log.colour);
        if (!text) {
                return error_oom(error);
        }
        (void)file_write_all(cli->log.fd, text, strlen(text));
        return 0;
}

/* EX_NOINPUT and EX_DATAERR of <sysexits.h>. */
static int exit_status(const struct check *check)
{
        if (check->missing) {
                return 66;
        }
        return check->diagnostics.errors > 0 ? 65 : 0;
}

static int run_check(struct cli *cli, const struct verb *verb, int argc, char **argv,
                     struct machine_error *error)
{
        struct arguments arguments = { 0 };
        struct check check = { .options = { .standard_input = true, .instance = "instance" } };
        _cleanup_free_ char *search_path = NULL;
        int r = cli_parse(cli, verb, &arguments, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (arguments.all_hosts) {
                return argc == 1 ? cli_check_hosts(cli, argv[0], arguments.strict, error)
                                 : cli_usage_error(verb, error, "--all-hosts needs one directory");
        }
        search_path = strv_join(cli->directories.config_path, ":");
        if (!search_path) {
                return error_oom(error);
        }
        check.options.search_path = search_path;
        check.diagnostics.strict = arguments.strict;
        r = check_all(&check, argv, error);
        r = r < 0 ? r : print_findings(cli, &check, &arguments, error);
        r = r < 0 ? r : exit_status(&check);
        for (size_t i = 0; i < check.count; i++) {
                config_definition_free(check.definitions[i]);
        }
        free(check.definitions);
        diagnostics_clear(&check.diagnostics);
        return r;
}

const struct verb verb_check = {
        .name = "check",
        .arguments = "[FILE or DIR..]",
        .summary = "validate definitions",
        .options = options,
        .run = run_check,
};

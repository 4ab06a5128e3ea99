/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cli/life/start.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/verbs/verbs.h"
#include "config/host.h"

struct start_options {
        struct cli_settings settings;   /* first, for cli_take_setting() */
        struct cli_selection selection; /* among the machines with a definition */
};

static const struct cli_option options[] = {
        { 0, "all", NULL, "all machines with a definition",
          CLI_FLAG(struct start_options, selection.all) },
        CLI_LABEL_OPTION(struct start_options, selection.labels),
        CLI_SETTING_OPTIONS,
        CLI_FORCE_OPTION,
        CLI_TRUST_OPTION,
        CLI_OPTIONS_END,
};

static bool has_labels(const struct cli *cli, const char *name, const char *const *labels)
{
        struct machine *machine;
        bool match;

        if (!labels[0]) {
                return true;
        }
        machine = cli_load_silently(cli, name);
        match = machine && cli_labels_match(machine->life.labels, labels);
        machine_free(machine);
        return match;
}

/* Whether a machine that is not named has to start: it has the labels, and belongs on this host. A
 * definition that cannot be read is reported by the start. */
static bool is_meant(const struct cli *cli, const struct config_host *host, const char *name,
                     const char *const *labels)
{
        struct machine *machine = cli_load_silently(cli, name);
        bool meant = machine ? config_host_is_among(host, machine->apply.hosts) &&
                                       cli_labels_match(machine->life.labels, labels)
                             : !labels[0];

        machine_free(machine);
        return meant;
}

/* The machines with a definition that have the labels. */
static int list_defined(const struct cli *cli, const char *const *labels, char ***ret,
                        struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        _cleanup_config_host_ struct config_host host = { 0 };
        _cleanup_strv_ char **all = NULL, **defined = NULL;
        int r = search_path ? config_list_machines(search_path, false, &all, error)
                            : error_oom(error);

        r = r < 0 ? r : config_host_read(NULL, CONFIG_HOST_LABELS, &host, error);
        STRV_FOREACH(name, r < 0 ? NULL : all) {
                if (is_meant(cli, &host, *name, labels) && strv_append(&defined, *name) < 0) {
                        return error_oom(error);
                }
        }
        *ret = r < 0 ? NULL : TAKE_PTR(defined);
        return r;
}

static int add_defined(const struct cli *cli, char *const *defined, const char *pattern,
                       char ***names, struct machine_error *error)
{
        int r = cli_add_matches(defined, pattern, "definition", names, error);
        _cleanup_free_ char *directories =
                r == -ENOENT ? strv_join(cli->directories.config_path, ", ") : NULL;

        if (directories) {
                error_hint(error, "definitions are searched for in %s", directories);
        }
        return r;
}

/* The machines to start: those named, and those that patterns, --all and --label choose. */
static int choose(const struct cli *cli, char *const *arguments,
                  const struct cli_selection *selection, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **defined = NULL, **names = NULL;
        int r = list_defined(cli, selection->labels, &defined, error);

        if (r < 0 || !arguments[0]) {
                *ret = TAKE_PTR(defined);
                return r;
        }
        for (size_t i = 0; r == 0 && arguments[i]; i++) {
                if (cli_is_pattern(arguments[i])) {
                        r = add_defined(cli, defined, arguments[i], &names, error);
                } else if (has_labels(cli, arguments[i], selection->labels)) {
                        r = strv_append(&names, arguments[i]) < 0 ? error_oom(error) : 0;
                }
        }
        *ret = r < 0 ? NULL : TAKE_PTR(names);
        return r;
}

static bool any_pattern(char *const *arguments)
{
        while (*arguments && !cli_is_pattern(*arguments)) {
                arguments++;
        }
        return *arguments != NULL;
}

static int start(struct cli *cli, const struct verb *verb, char *const *arguments,
                 const struct start_options *given, struct machine_error *error)
{
        const struct cli_selection *selection = &given->selection;
        _cleanup_strv_ char **names = NULL;
        int r = process_close_from(STDERR_FILENO + 1);

        if (r < 0) {
                return error_set(error, r, "cannot close inherited descriptors");
        }
        if (!selection->all && !arguments[0] && cli_settings_have_root(&given->settings)) {
                return cli_start_machines(cli, NULL, &given->settings, error);
        }
        r = cli_check_selection(verb, arguments, selection, error);
        if (r < 0) {
                return r;
        }
        if (selection->all || selection->labels[0] || any_pattern(arguments)) {
                r = choose(cli, arguments, selection, &names, error);
                arguments = names;
        }
        return r < 0 || !arguments ? r
                                   : cli_start_machines(cli, arguments, &given->settings, error);
}

static int run_start(struct cli *cli, const struct verb *verb, int argc, char **argv,
                     struct machine_error *error)
{
        struct start_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r == 0) {
                r = start(cli, verb, argv, &given, error);
        }
        free(given.settings.items);
        return r > 0 ? 0 : r;
}

const struct verb verb_start = {
        .name = "start",
        .arguments = "M..",
        .summary = "start machines in the background",
        .options = options,
        .run = run_start,
};

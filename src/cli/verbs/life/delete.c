/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "cli/life/parallel.h"
#include "cli/life/remove.h"
#include "cli/life/stop.h"
#include "cli/machines/definition.h"
#include "cli/machines/selection.h"
#include "cli/machines/user.h"
#include "cli/verbs/verbs.h"
#include "launch/volumes/uses.h"

struct delete_options {
        bool force;
        bool volumes;
        struct cli_selection selection;
};

static const struct cli_option options[] = {
        { 'f', "force", NULL, "stop running machines first",
          CLI_FLAG(struct delete_options, force) },
        { 0, "volumes", NULL, "also remove volumes that only they use",
          CLI_FLAG(struct delete_options, volumes) },
        { 0, "all", NULL, "all known machines", CLI_FLAG(struct delete_options, selection.all) },
        CLI_LABEL_OPTION(struct delete_options, selection.labels),
        CLI_OPTIONS_END,
};

/* Returns the user's directory that holds the machine's files, according to its record or else its
 * definition; NULL if there is none. The caller frees it. */
static char *kept_directory(const struct cli *cli, const struct state_store *store,
                            const char *name, char *const *arguments)
{
        _cleanup_record_ struct machine_record record = { 0 };
        struct machine *machine = NULL;
        const char *given = name;
        char *directory = NULL;

        if (state_load(store, name, &record, NULL) == 0) {
                return TAKE_PTR(record.kept);
        }
        STRV_FOREACH(argument, arguments) {
                const char *slash = strrchr(*argument, '/');
                const char *rest = string_after(slash ? slash + 1 : *argument, name);

                given = rest && *rest ? *argument : given;
        }
        machine = cli_load_silently(cli, given);
        if (machine && machine->root.upper_directory) {
                directory = strdup(machine->root.upper_directory);
        }
        machine_free(machine);
        return directory;
}

static void report_kept(const struct cli *cli, const char *name, const char *directory)
{
        static const char *const parts[] = { "upper", "volumes" };

        for (size_t i = 0; directory && i < ELEMENTS_OF(parts); i++) {
                _cleanup_free_ char *path = path_join(directory, parts[i]);

                if (path && access(path, F_OK) == 0) {
                        log_notice(
                                &cli->log,
                                "keeping the files of machine \"%s\" in %s, the directory set by "
                                "\"upper\"",
                                name, path);
                }
        }
}

struct deletion {
        char *const *arguments;
        char **stopped; /* by this command; a `run` deletes the traces of its machine itself */
        /* With --volumes: */
        char **names;
        struct volume_uses uses;
};

static int delete_machine(struct cli *cli, const struct state_store *store, const char *name,
                          void *data, struct machine_error *error)
{
        const struct deletion *deletion = data;
        _cleanup_free_ char *kept = kept_directory(cli, store, name, deletion->arguments);
        bool found = false;
        int r = cli_remove_machine(cli, store, name, &found, error);

        if (r < 0) {
                return r;
        }
        report_kept(cli, name, kept);
        if (!found && !strv_contains(deletion->stopped, name)) {
                error_say(error, ENOENT, "no such machine: \"%s\"", name);
                return error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        return 0;
}

/* Stops in parallel all running machines that can be removed. Failures are printed, and the
 * machines are refused later because they are still running. */
static int stop_all(struct cli *cli, const struct verb *verb, const struct cli_selection *selection,
                    struct deletion *deletion, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = cli_choose_machines(cli, verb, deletion->arguments, selection, &store, &names,
                                    error);

        if (r < 0) {
                return r;
        }
        STRV_FOREACH(name, names) {
                _cleanup_record_ struct machine_record record = { 0 };

                if (state_query(&store, *name, &record, NULL) == 0 &&
                    machine_state_is_live(record.state) &&
                    cli_check_removable(cli, *name, NULL) == 0 &&
                    strv_append(&deletion->stopped, *name) < 0) {
                        return error_oom(error);
                }
        }
        if (deletion->stopped &&
            cli_stop_machines(cli, &store, deletion->stopped, true, NULL, &failure) < 0) {
                log_error(&cli->log, &failure);
        }
        return 0;
}

/* Machines that are given by a path need not be known. */
static int add_given(const struct cli *cli, char *const *arguments, struct volume_uses *uses)
{
        int r = 0;

        STRV_FOREACH(argument, arguments) {
                struct machine *machine =
                        strchr(*argument, '/') ? cli_load_silently(cli, *argument) : NULL;

                r = r == 0 && machine ? volume_uses_add(uses, machine, machine->name) : r;
                machine_free(machine);
        }
        return r;
}

/* What must be known before the machines are deleted. */
static int find_volumes(const struct cli *cli, const struct verb *verb,
                        const struct cli_selection *selection, struct deletion *deletion,
                        struct machine_error *error)
{
        const struct launch_directories directories = cli_launch_directories(cli);
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        int r = cli_choose_machines(cli, verb, deletion->arguments, selection, &store,
                                    &deletion->names, error);

        r = r < 0 ? r : volume_uses_find(&directories, &store, &deletion->uses, error);
        if (r == 0 && add_given(cli, deletion->arguments, &deletion->uses) < 0) {
                r = error_oom(error);
        }
        return r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct delete_options given = { .selection = { CLI_KNOWN } };
        struct deletion deletion = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        deletion.arguments = argv;
        r = given.force ? stop_all(cli, verb, &given.selection, &deletion, error) : 0;
        if (r == 0) {
                r = cli_enter_user(cli, error);
        }
        if (r == 0 && given.volumes) {
                r = find_volumes(cli, verb, &given.selection, &deletion, error);
        }
        if (r == 0) {
                r = cli_for_each_machine_in_parallel(cli, verb, argv, &given.selection,
                                                     delete_machine, &deletion, error);
        }
        if (r == 0 && given.volumes) {
                const struct launch_directories directories = cli_launch_directories(cli);

                r = volume_uses_remove(&directories, &deletion.uses, deletion.names, &cli->log,
                                       error);
        }
        strv_free(deletion.stopped);
        strv_free(deletion.names);
        volume_uses_clear(&deletion.uses);
        return r;
}

const struct verb verb_delete = {
        .name = "delete",
        .arguments = "M..",
        .summary = "delete machines and all their files",
        .options = options,
        .run = run,
};

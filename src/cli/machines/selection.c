/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/selection.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines/machines.h"

int cli_take_label(const struct cli_option *option, const char *value, void *data,
                   struct machine_error *error)
{
        const char **labels = (const char **)((char *)data + option->flag);
        size_t count = 0;

        if (value[0] == '\0' || value[0] == '=') {
                return error_say(error, EINVAL, "--label=%s: expected NAME or NAME=VALUE", value);
        }
        while (labels[count]) {
                count++;
        }
        if (count == CLI_LABELS_MAXIMUM) {
                return error_say(error, E2BIG, "more than %d labels", CLI_LABELS_MAXIMUM);
        }
        labels[count] = value;
        return 0;
}

/* A name alone stands for any value. */
static bool has_label(char *const *labels, const char *wanted)
{
        bool any_value = !strchr(wanted, '=');
        size_t length = strlen(wanted);

        STRV_FOREACH(label, labels) {
                if (any_value ? strncmp(*label, wanted, length) == 0 && (*label)[length] == '='
                              : fnmatch(wanted, *label, 0) == 0) {
                        return true;
                }
        }
        return false;
}

bool cli_labels_match(char *const *labels, const char *const *wanted)
{
        for (; *wanted; wanted++) {
                if (!has_label(labels, *wanted)) {
                        return false;
                }
        }
        return true;
}

bool cli_is_pattern(const char *name)
{
        return !strchr(name, '/') && strpbrk(name, "*?[");
}

/* A machine whose record cannot be read may be running: it is a candidate, and acting on it reports
 * the error. But it has no labels. */
static bool is_candidate(const struct state_store *store, const char *name,
                         const struct cli_selection *selection)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_query(store, name, &record, NULL);

        if (r == -ENOENT) {
                return false;
        }
        if (r < 0) {
                return !selection->labels[0];
        }
        return (selection->candidates == CLI_KNOWN || machine_state_is_live(record.state)) &&
               cli_labels_match(record.labels, selection->labels);
}

static int list_candidates(const struct state_store *store, const struct cli_selection *selection,
                           char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL, **chosen = NULL;
        int r = state_list(store, &names, error);

        STRV_FOREACH(name, names) {
                if (is_candidate(store, *name, selection) && strv_append(&chosen, *name) < 0) {
                        return error_oom(error);
                }
        }
        *ret = TAKE_PTR(chosen);
        return r;
}

int cli_add_matches(char *const *candidates, const char *pattern, const char *what, char ***names,
                    struct machine_error *error)
{
        bool found = false;

        STRV_FOREACH(candidate, candidates) {
                if (fnmatch(pattern, *candidate, 0) != 0) {
                        continue;
                }
                found = true;
                if (!strv_contains(*names, *candidate) && strv_append(names, *candidate) < 0) {
                        return error_oom(error);
                }
        }
        if (!found) {
                error_say(error, ENOENT, "no %s matches \"%s\"", what, pattern);
                error_hint(error, "machinectl-lite list --all shows known machines");
                return error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        return 0;
}

static int add_named(const struct cli *cli, const struct verb *verb, const char *argument,
                     const struct state_store *store, const struct cli_selection *selection,
                     char ***names, struct machine_error *error)
{
        _cleanup_free_ char *name = NULL;
        int r = cli_machine_name(cli, verb, argument, &name, error);

        if (r < 0 || (selection->labels[0] && !is_candidate(store, name, selection))) {
                return r;
        }
        return strv_take(names, TAKE_PTR(name)) < 0 ? error_oom(error) : 0;
}

static int select_named(const struct cli *cli, const struct verb *verb, char *const *arguments,
                        const struct cli_selection *selection, const struct state_store *store,
                        char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **candidates = NULL, **names = NULL;
        const char *what = selection->candidates == CLI_KNOWN ? "machine" : "running machine";
        int r = 0;

        STRV_FOREACH(argument, arguments) {
                if (!cli_is_pattern(*argument)) {
                        r = add_named(cli, verb, *argument, store, selection, &names, error);
                } else {
                        r = candidates ? 0 : list_candidates(store, selection, &candidates, error);
                        r = r < 0 ? r : cli_add_matches(candidates, *argument, what, &names, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        *ret = TAKE_PTR(names);
        return 0;
}

int cli_check_selection(const struct verb *verb, char *const *arguments,
                        const struct cli_selection *selection, struct machine_error *error)
{
        if (selection->all && arguments[0]) {
                return cli_usage_error(verb, error, "--all and names exclude each other");
        }
        if (!selection->all && !arguments[0] && !selection->labels[0]) {
                return cli_usage_error(verb, error, "no machine given");
        }
        return 0;
}

int cli_select_machines(const struct cli *cli, const struct verb *verb, char *const *arguments,
                        const struct cli_selection *selection, const struct state_store *store,
                        char ***ret, struct machine_error *error)
{
        int r = cli_check_selection(verb, arguments, selection, error);

        if (r < 0) {
                return r;
        }
        return arguments[0] ? select_named(cli, verb, arguments, selection, store, ret, error)
                            : list_candidates(store, selection, ret, error);
}

int cli_choose_machines(const struct cli *cli, const struct verb *verb, char *const *arguments,
                        const struct cli_selection *selection, struct state_store *store,
                        char ***ret, struct machine_error *error)
{
        int r = cli_open_store(cli, store, error);

        return r < 0 ? r : cli_select_machines(cli, verb, arguments, selection, store, ret, error);
}

/* State of one verb over all machines of the command line. */
struct round {
        struct cli *cli;
        const struct state_store *store;
        int (*act)(struct cli *cli, const struct state_store *store, const char *name, void *data,
                   struct machine_error *error);
        void *data;
        int result;
        struct machine_error *error;
};

/* Prints the previous failure; the last one is printed by main(). */
static void act_on(struct round *round, const char *name)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = round->act(round->cli, round->store, name, round->data, &failure);

        if (r < 0) {
                log_replace_failure(&round->cli->log, &round->result, round->error, r, &failure);
        }
}

int cli_for_each_machine(struct cli *cli, const struct verb *verb, char *const *arguments,
                         const struct cli_selection *selection,
                         int (*act)(struct cli *cli, const struct state_store *store,
                                    const char *name, void *data, struct machine_error *error),
                         void *data, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        struct round round = { cli, &store, act, data, 0, error };
        int r = cli_choose_machines(cli, verb, arguments, selection, &store, &names, error);

        if (r < 0) {
                return r;
        }
        STRV_FOREACH(name, names) {
                act_on(&round, *name);
        }
        return round.result;
}

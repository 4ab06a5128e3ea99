/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/life/candidates.h"

#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines/user.h"
#include "state/owner.h"

int candidates_init(struct candidates *candidates, struct cli *cli, struct machine_error *error)
{
        *candidates = (struct candidates){ .cli = cli, .store = STATE_STORE_INIT, .error = error };
        return cli_open_store(cli, &candidates->store, error);
}

void candidates_clear(struct candidates *candidates)
{
        for (size_t i = 0; i < candidates->count; i++) {
                machine_free(candidates->items[i].machine);
                strv_free(candidates->items[i].requires);
                machine_error_clear(&candidates->items[i].failure);
                fd_close(candidates->items[i].report);
        }
        free(candidates->items);
        diagnostics_clear(&candidates->findings);
        strv_free(candidates->broken);
        state_store_close(&candidates->store);
}

int candidates_enter_user(struct candidates *candidates, struct machine_error *error)
{
        const struct machine *chosen = NULL;

        for (size_t i = 0; i < candidates->count; i++) {
                if (candidates->items[i].progress == WAITING &&
                    (!chosen || chosen->namespaces.user == MACHINE_USER_NAMESPACE_SELF)) {
                        chosen = candidates->items[i].machine;
                }
        }
        return chosen ? cli_enter_user_for(candidates->cli, chosen, error) : 0;
}

void candidates_fail(struct candidates *candidates, struct machine_error *failure, int r)
{
        if (error_is_set(failure)) {
                log_replace_failure(&candidates->cli->log, &candidates->result, candidates->error,
                                    r, failure);
        }
}

struct candidate *candidates_find(const struct candidates *candidates, const char *name)
{
        for (size_t i = 0; i < candidates->count; i++) {
                if (strcmp(candidates->items[i].machine->name, name) == 0) {
                        return &candidates->items[i];
                }
        }
        return NULL;
}

/* Starting a running machine succeeds. */
static bool is_running(const struct state_store *store, const char *name)
{
        _cleanup_record_ struct machine_record record = { 0 };

        return state_query(store, name, &record, NULL) == 0 &&
               record.state == MACHINE_STATE_RUNNING && !record.awaits_readiness &&
               process_is_alive(&record.init);
}

static int add(struct candidates *candidates, struct machine *machine, struct machine_error *error)
{
        struct candidate *grown =
                reallocarray(candidates->items, candidates->count + 1, sizeof *grown);
        _cleanup_strv_ char **requires = NULL;

        if (grown) {
                candidates->items = grown;
        }
        if (!grown || config_requirements(machine, &requires) < 0) {
                machine_free(machine);
                return error_oom(error);
        }
        grown[candidates->count++] = (struct candidate){
                .machine = machine,
                .requires = TAKE_PTR(requires),
                .progress = is_running(&candidates->store, machine->name) ? READY : WAITING,
                .report = -EBADF,
        };
        return 0;
}

/* Naming the same machine twice is fine; two files of the same name are different machines. */
static int check_twice(const struct candidates *candidates, const struct machine *machine,
                       struct machine_error *error)
{
        const struct claim_to_machine claim = { machine->name, machine->definition,
                                                candidates->cli->directories.config_path };

        return owner_check(&claim, candidates_find(candidates, machine->name)->machine->definition,
                           error);
}

/* The error of a definition only sums up its findings, and is told for all of them together. */
static int load(struct candidates *candidates, const char *argument,
                const struct cli_settings *settings, struct machine **ret,
                struct machine_error *error)
{
        size_t before = candidates->findings.errors;
        int r = cli_load_among(candidates->cli, argument, settings, &candidates->findings, ret,
                               error);

        if (r < 0 && argument && candidates->findings.errors > before) {
                machine_error_clear(error);
                return strv_append(&candidates->broken, argument) < 0 ? error_oom(error) : r;
        }
        return r;
}

void candidates_tell_findings(struct candidates *candidates)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        size_t count = strv_length(candidates->broken);

        cli_print_findings(candidates->cli, &candidates->findings);
        if (count == 0) {
                return;
        }
        if (count == 1) {
                error_say(&failure, EINVAL, "the definition of \"%s\" has %zu error%s",
                          candidates->broken[0], candidates->findings.errors,
                          candidates->findings.errors == 1 ? "" : "s");
        } else {
                error_say(&failure, EINVAL, "%zu definitions have %zu errors", count,
                          candidates->findings.errors);
        }
        error_kind(&failure, MACHINE_ERROR_DEFINITION);
        candidates_fail(candidates, &failure, -EINVAL);
}

int candidates_add(struct candidates *candidates, const char *argument,
                   const struct cli_settings *settings, struct machine_error *error)
{
        struct machine *machine = NULL;
        int r = load(candidates, argument, settings, &machine, error);

        if (r == 0 && candidates_find(candidates, machine->name)) {
                r = check_twice(candidates, machine, error);
                machine_free(machine);
                return r;
        }
        if (r == 0) {
                r = cli_check_startable(machine, error);
        }
        if (r == 0) {
                r = cli_check_corruption(machine, settings, error);
        }
        if (r == 0) {
                r = cli_check_owner(candidates->cli, &candidates->store, machine->name,
                                    machine->definition, error);
        }
        if (r < 0) {
                machine_free(machine);
                return r;
        }
        return add(candidates, machine, error);
}

static int add_required(struct candidates *candidates, const char *name,
                        const struct cli_settings *settings, struct machine_error *error)
{
        int r = 0;

        if (!candidates_find(candidates, name) && !strv_contains(candidates->broken, name)) {
                r = candidates_add(candidates, name, settings, error);
        }
        if (strv_contains(candidates->broken, name)) {
                error_say(error, EINVAL, "its definition has errors");
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return r;
}

/* Each machine is added once, so cycles do no harm. */
void candidates_add_required(struct candidates *candidates, const struct cli_settings *settings)
{
        const struct cli_settings own = {
                .trusted_owner = settings->trusted_owner,
                .force = settings->force,
        };

        for (size_t i = 0; i < candidates->count; i++) {
                if (candidates->items[i].progress != WAITING) {
                        continue;
                }
                STRV_FOREACH(name, candidates->items[i].requires) {
                        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                        int r = add_required(candidates, *name, &own, &failure);

                        if (r < 0) {
                                error_prefix(&failure, "machine \"%s\" requires \"%s\"",
                                             candidates->items[i].machine->name, *name);
                                candidates->items[i].progress = FAILED;
                                candidates_fail(candidates, &failure, r);
                                break;
                        }
                }
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine's record, from its claim on the name to its end. */

#include <errno.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/strings.h"
#include "config/config.h"
#include "launch/context.h"
#include "launch/steps.h"
#include "state/member.h"
#include "state/owner.h"

static struct claim_to_machine claim_of(const struct launch *launch)
{
        return (struct claim_to_machine){
                .name = launch->machine->name,
                .definition = launch->machine->definition,
                .search = launch->options.directories.config,
        };
}

/* Cleans up after an earlier supervisor of this name, unless its machine is still running. */
static int deal_with_predecessor(struct launch *launch, struct machine_error *error)
{
        const char *name = launch->machine->name;
        const struct claim_to_machine claim = claim_of(launch);
        _cleanup_record_ struct machine_record record = { 0 };
        int r = owner_check_kept(&claim, launch->options.directories.state, error);

        if (r == 0) {
                r = state_load(&launch->store, name, &record, error);
        }
        if (r == -ENOENT) {
                return 0;
        }
        if (r == 0) {
                r = owner_check(&claim, record.definition, error);
        }
        if (r < 0) {
                return r;
        }
        /* A supervisor that restarts its machine finds its own record; one that has finished
         * cleaning up takes a moment to exit. */
        if (machine_state_is_live(record.state) && record.supervisor.pid != getpid() &&
            process_is_alive(&record.supervisor)) {
                r = error_say(error, EALREADY, "machine \"%s\" is already running (supervisor %d)",
                              name, record.supervisor.pid);
                error_hint(error, "stop it first, or run a copy with another --name");
                return r;
        }
        /* The record stays until this start replaces it: a machine that is restarted always has
         * one, and the lock that this start holds belongs to it. */
        return launch_undo(&launch->options.directories, &record, launch->options.log, error);
}

/* Fills the part of the record that is known from the beginning. */
static int fill_record(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        struct machine_record *record = &launch->record;

        if (machine_record_init(record, machine->name, machine->definition) < 0 ||
            string_replace(&record->unit, launch->options.unit) < 0 ||
            string_replace(&record->digest, launch->options.digest) < 0 ||
            string_replace(&record->kept,
                           launch->options.ephemeral ? NULL : machine->root.upper_directory) < 0) {
                return error_oom(error);
        }
        record->labels = strv_copy(machine->life.labels);
        if ((machine->life.labels && !record->labels) ||
            config_requirements(machine, &record->requires) < 0 ||
            (machine->network.mode == MACHINE_NETWORK_MACHINE &&
             string_replace(&record->network_of, machine->network.target) < 0)) {
                return error_oom(error);
        }
        record->background = launch->options.background;
        record->awaits_readiness = launch->options.awaits_readiness;
        record->restarts = launch->options.restarts;
        record->out_of_memory_kills = launch->options.out_of_memory_kills;
        record->started_usec = clock_realtime();
        return 0;
}

/* Later starts of a user join his user namespace through this process. */
static int become_member(struct launch *launch, struct machine_error *error)
{
        const char *runtime = launch->options.directories.runtime;

        launch->runtime_lock = member_hold_directory(runtime, error);
        return launch->runtime_lock < 0 ? launch->runtime_lock
                                        : member_register(runtime, user_namespace_size() == 1,
                                                          &launch->record.supervisor, error);
}

int launch_set_up_state(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        int r = state_store_open(launch->options.directories.runtime, &launch->store, error);

        if (r < 0) {
                return r;
        }
        launch->store.unlogged = launch->options.creation;
        launch->lock = state_lock(&launch->store, machine->name, error);
        if (launch->lock < 0) {
                return launch->lock;
        }
        r = deal_with_predecessor(launch, error);
        if (r < 0) {
                return r;
        }
        r = fill_record(launch, error);
        if (r == 0 && launch->options.snapshot) {
                r = state_save_definition(&launch->store, machine->name, launch->options.snapshot);
                if (r < 0) {
                        error_set(error, r, "cannot save the definition in %s", launch->store.path);
                }
        }
        if (r < 0) {
                return r;
        }
        r = process_identify(0, &launch->record.supervisor);
        if (r < 0) {
                return error_set(error, r, "cannot read the start time of this process");
        }
        return launch->by_user && !launch->machine->bare ? become_member(launch, error) : 0;
}

/* Its record stays as it is, and what is on record of this process is for the locks alone. */
int launch_set_up_storage_state(struct launch *launch, struct machine_error *error)
{
        int r = state_store_open(launch->options.directories.runtime, &launch->store, error);

        if (r < 0) {
                return r;
        }
        launch->lock = state_lock(&launch->store, launch->machine->name, error);
        if (launch->lock < 0) {
                return launch->lock;
        }
        r = deal_with_predecessor(launch, error);
        return r < 0 ? r : fill_record(launch, error);
}

/* The lock of a machine without a record goes, as it came. */
int launch_tear_down_storage_state(struct launch *launch, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        const char *name = launch->machine->name;

        return launch->lock >= 0 && state_load(&launch->store, name, &record, NULL) == -ENOENT
                       ? state_remove(&launch->store, name, error)
                       : 0;
}

bool launch_is_rehearsal(const struct launch *launch)
{
        return launch->options.rehearsal;
}

bool launch_is_in_earnest(const struct launch *launch)
{
        return !launch->options.rehearsal && !launch_is_container(launch);
}

/* A bundle's directories, ids and network are its caller's to share out. */
bool launch_is_not_bare(const struct launch *launch)
{
        return !launch->machine->bare;
}

bool launch_wants_trees(const struct launch *launch)
{
        return launch_is_in_earnest(launch) && launch_is_not_bare(launch);
}

bool launch_wants_named_volumes(const struct launch *launch)
{
        return launch_is_not_bare(launch) && launch_has_volumes(launch);
}

/* Fills the record for the later steps of a rehearsal; nothing is written. */
int launch_set_up_rehearsal(struct launch *launch, struct machine_error *error)
{
        int r = state_store_open(launch->options.directories.runtime, &launch->store, error);

        if (r == 0) {
                r = fill_record(launch, error);
        }
        if (r < 0) {
                return r;
        }
        r = process_identify(0, &launch->record.supervisor);
        return r < 0 ? error_set(error, r, "cannot read the start time of this process") : 0;
}

int launch_keep_owner(const struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *directory = string_format(
                "%s/machines/%s", launch->options.directories.state, launch->machine->name);
        const struct claim_to_machine claim = claim_of(launch);

        if (!directory) {
                return error_oom(error);
        }
        return access(directory, F_OK) == 0
                       ? owner_keep(&claim, launch->options.directories.state, error)
                       : 0;
}

/* Its record goes with the machine, so the last one is only logged. */
static void log_end(struct launch *launch)
{
        struct machine_record *record = &launch->record;
        int status = launch->exit_status;

        if (record->init.pid > 0) {
                record->state = status == 0 ? MACHINE_STATE_STOPPED : MACHINE_STATE_FAILED;
                record->exit_status = status;
                record->stopped_usec = clock_realtime();
                state_log(&launch->store, record);
        }
}

int launch_tear_down_state(struct launch *launch, struct machine_error *error)
{
        /* Without a record of this start there is nothing to remove. */
        if (!launch->record.name) {
                return 0;
        }
        if (launch->lock < 0) {
                launch->lock = state_lock(&launch->store, launch->record.name, error);
                if (launch->lock < 0) {
                        return launch->lock;
                }
        }
        /* All other steps have been undone. */
        strv_free(TAKE_PTR(launch->record.steps));
        if (!launch->options.keep_record) {
                log_end(launch);
                return state_remove(&launch->store, launch->record.name, error);
        }
        return launch_save(launch, launch->record.state, error);
}

int launch_set_up_running(struct launch *launch, struct machine_error *error)
{
        int r = launch_save(launch, MACHINE_STATE_RUNNING, error);

        launch->lock = fd_close(launch->lock);
        return r;
}

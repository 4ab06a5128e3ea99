/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/locked_machine.h"

#include "base/error.h"

void locked_machine_release(struct locked_machine *machine)
{
        cgroup_release(&machine->group);
        machine_record_clear(&machine->record);
        machine->lock = fd_close(machine->lock);
}

int cli_open_group(const struct machine_record *record, struct cgroup *ret,
                   struct machine_error *error)
{
        if (!record->cgroup) {
                error_say(error, ENODATA, "machine \"%s\" has no control group", record->name);
                error_hint(error, "none was delegated to its user: start it as a service of the "
                                  "user's manager, systemctl --user start container@NAME");
                return -ENODATA;
        }
        return cgroup_open(record->cgroup, ret, error);
}

int cli_lock_machine(const struct state_store *store, const char *name,
                     struct locked_machine *machine, struct machine_error *error)
{
        /* Check without the lock first: locking creates a file even if there is no such machine. */
        int r = cli_find_running(store, name, &machine->record, NULL, error);

        if (r < 0) {
                return r;
        }
        machine_record_clear(&machine->record);
        machine->lock = state_lock(store, name, error);
        if (machine->lock < 0) {
                return machine->lock;
        }
        r = cli_find_running(store, name, &machine->record, NULL, error);
        return r < 0 ? r : cli_open_group(&machine->record, &machine->group, error);
}

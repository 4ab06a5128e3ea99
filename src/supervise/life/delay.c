/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/delay.h"

#include <errno.h>

#include "base/process/process.h"
#include "base/strings.h"
#include "state/store.h"

/* What an earlier run has left is still on record, for the start that cleans it up. */
static int fill(const struct machine *machine, const struct supervisor_options *options,
                struct machine_record *record)
{
        record->state = MACHINE_STATE_STARTING;
        record->background = 1;
        return string_replace(&record->unit, options->unit) < 0
                       ? -ENOMEM
                       : process_identify(0, &record->supervisor);
}

bool delay_begin(const struct machine *machine, const struct supervisor_options *options)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int lock = -EBADF;
        int r;

        if (machine->life.start_delay == 0 ||
            state_store_open(options->directories.runtime, &store, NULL) < 0) {
                return false;
        }
        lock = state_lock(&store, machine->name, NULL);
        r = lock < 0 ? lock : state_query(&store, machine->name, &record, NULL);
        if (r == -ENOENT) {
                r = machine_record_init(&record, machine->name, machine->definition);
        } else if (r == 0 && (machine_state_is_live(record.state) ||
                              !string_equal(record.definition, machine->definition))) {
                return false;
        }
        return r == 0 && fill(machine, options, &record) == 0 &&
               state_save(&store, &record, NULL) == 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/events/change.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "state/store.h"

/* Two records of one machine; the first one has no name if nothing was known of it. */
struct change {
        const struct machine_record *before, *after;
};

static bool enters(const struct change *change, enum machine_state state)
{
        return change->after->state == state &&
               (!change->before->name || change->before->state != state);
}

static bool was_live(const struct change *change)
{
        return change->before->name && machine_state_is_live(change->before->state);
}

static bool is_live(const struct change *change)
{
        return machine_state_is_live(change->after->state);
}

static bool is_created(const struct change *change)
{
        return enters(change, MACHINE_STATE_CREATED);
}

static bool is_started(const struct change *change)
{
        return is_live(change) && !was_live(change);
}

/* The end of a run, after which the machine may start again. */
static bool is_ended(const struct change *change)
{
        return was_live(change) &&
               (!is_live(change) || change->after->stopped_usec > change->before->stopped_usec);
}

static bool is_restarted(const struct change *change)
{
        return was_live(change) && change->after->restarts > change->before->restarts;
}

static bool runs_ready(const struct machine_record *record)
{
        return record->name && record->state != MACHINE_STATE_STARTING &&
               machine_state_is_live(record->state) && !record->awaits_readiness;
}

static bool is_ready(const struct change *change)
{
        return runs_ready(change->after) && !runs_ready(change->before);
}

static bool is_paused(const struct change *change)
{
        return was_live(change) && enters(change, MACHINE_STATE_PAUSED);
}

static bool is_resumed(const struct change *change)
{
        return was_live(change) && change->before->state == MACHINE_STATE_PAUSED &&
               change->after->state == MACHINE_STATE_RUNNING;
}

static bool is_reloaded(const struct change *change)
{
        return runs_ready(change->before) && is_live(change) &&
               !string_equal(change->before->digest, change->after->digest);
}

static bool ran_out_of_memory(const struct change *change)
{
        return was_live(change) &&
               change->after->out_of_memory_kills > change->before->out_of_memory_kills;
}

static bool is_stopping(const struct change *change)
{
        return was_live(change) && enters(change, MACHINE_STATE_STOPPING);
}

static const struct {
        const char *event;
        bool (*applies)(const struct change *change);
} rules[] = {
        { "create", is_created },    { "start", is_started },
        { "restart", is_restarted }, { "ready", is_ready },
        { "pause", is_paused },      { "resume", is_resumed },
        { "reload", is_reloaded },   { "out-of-memory", ran_out_of_memory },
        { "stop", is_stopping },     { "end", is_ended },
};

int change_report(const struct machine_record *before, const struct observation *after,
                  event_handler handler, void *data)
{
        const struct machine_record unknown = { 0 };
        const struct change change = { before ? before : &unknown, &after->record };

        for (size_t i = 0; i < ELEMENTS_OF(rules); i++) {
                int r = rules[i].applies(&change) ? handler(rules[i].event, after, data) : 0;

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/reload.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/compare.h"
#include "config/config.h"
#include "config/snapshot.h"
#include "state/store.h"

static int load_stored(const char *runtime_directory, const char *name, char **ret)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        int r = state_store_open(runtime_directory, &store, NULL);

        return r < 0 ? r : state_load_definition(&store, name, ret);
}

int reload_read(const char *runtime_directory, const char *name, const char *snapshot,
                struct machine **ret, char **ret_snapshot)
{
        _cleanup_free_ char *text = NULL;
        int r = load_stored(runtime_directory, name, &text);

        if (r < 0 || strcmp(text, snapshot) == 0) {
                return r;
        }
        r = config_snapshot_load(text, name, ret);
        if (r < 0) {
                return r;
        }
        *ret_snapshot = TAKE_PTR(text);
        return 1;
}

static bool are_equal(char *const *a, char *const *b)
{
        size_t count = strv_length(a);

        if (count != strv_length(b)) {
                return false;
        }
        for (size_t i = 0; i < count; i++) {
                if (strcmp(a[i], b[i]) != 0) {
                        return false;
                }
        }
        return true;
}

bool reload_changes_health(const struct machine *a, const struct machine *b)
{
        return !are_equal(a->life.health_command, b->life.health_command) ||
               a->life.health_interval != b->life.health_interval ||
               a->life.health_timeout != b->life.health_timeout ||
               a->life.health_retries != b->life.health_retries ||
               a->life.health_start_period != b->life.health_start_period;
}

#define SWAP(a, b)                         \
        do {                               \
                __typeof__(a) _kept = (a); \
                (a) = (b);                 \
                (b) = _kept;               \
        } while (0)

void reload_take(struct machine *machine, struct machine *from)
{
        /* It may be the image's. */
        if (!machine_origin_of(from, "stop.signal")) {
                from->life.stop_signal = machine->life.stop_signal;
        }
        SWAP(machine->definition, from->definition);
        SWAP(machine->description, from->description);
        SWAP(machine->limits, from->limits);
        SWAP(machine->life, from->life);
        SWAP(machine->apply, from->apply);
        SWAP(machine->root.pull, from->root.pull);
        SWAP(machine->root.update, from->root.update);
        SWAP(machine->mounts, from->mounts);
        SWAP(machine->mount_count, from->mount_count);
        SWAP(machine->origins, from->origins);
        SWAP(machine->origin_count, from->origin_count);
}

static int replace_all(char ***place, char *const *values)
{
        char **copy = strv_copy(values);

        if (values && *values && !copy) {
                return -ENOMEM;
        }
        strv_free(*place);
        *place = copy;
        return 0;
}

int reload_note(struct machine_record *record, const struct machine *machine, const char *digest)
{
        _cleanup_strv_ char **requires = NULL;
        int r = config_requirements(machine, &requires);

        r = r < 0 ? r : replace_all(&record->requires, requires);
        r = r < 0 ? r : replace_all(&record->labels, machine->life.labels);
        if (r == 0 && machine->definition) {
                r = string_replace(&record->definition, machine->definition);
        }
        return r < 0 ? r : string_replace(&record->digest, digest);
}

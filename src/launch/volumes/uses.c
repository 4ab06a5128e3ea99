/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/volumes/uses.h"

#include <errno.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "config/config.h"
#include "config/snapshot.h"
#include "state/trees.h"

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)

void volume_uses_clear(struct volume_uses *uses)
{
        for (size_t i = 0; i < uses->count; i++) {
                free(uses->items[i].volume);
                free(uses->items[i].machine);
        }
        free(uses->items);
        strv_free(uses->unknown);
        *uses = (struct volume_uses){ 0 };
}

/* The names of the volumes that a machine mounts. */
static int volumes_of(const struct machine *machine, char ***ret)
{
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < machine->mount_count; i++) {
                const struct machine_mount *mount = &machine->mounts[i];

                if (mount->type == MACHINE_MOUNT_VOLUME && !strv_contains(names, mount->source) &&
                    strv_append(&names, mount->source) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(names);
        return 0;
}

/* ---- Uses ---- */

static int add_use(struct volume_uses *uses, const char *volume, const char *machine)
{
        struct volume_use *grown = reallocarray(uses->items, uses->count + 1, sizeof *uses->items);

        if (!grown) {
                return -ENOMEM;
        }
        uses->items = grown;
        grown += uses->count++;
        *grown = (struct volume_use){ strdup(volume), strdup(machine) };
        return grown->volume && grown->machine ? 0 : -ENOMEM;
}

static struct machine *load_definition(const struct launch_directories *directories,
                                       const char *name_or_path)
{
        _cleanup_free_ char *search_path = strv_join(directories->config, ":");
        const struct config_options options = { .search_path = search_path };
        _cleanup_diagnostics_ struct diagnostics unheard = { 0 };
        struct machine *machine = NULL;

        return search_path && config_load(name_or_path, &options, &unheard, &machine, NULL) == 0
                       ? machine
                       : NULL;
}

static int add_uses(struct volume_uses *uses, char *const *volumes, const char *machine)
{
        int r = 0;

        STRV_FOREACH(volume, volumes) {
                r = r < 0 ? r : add_use(uses, *volume, machine);
        }
        return r;
}

int volume_uses_add(struct volume_uses *uses, const struct machine *machine, const char *name)
{
        _cleanup_strv_ char **volumes = NULL;
        int r = volumes_of(machine, &volumes);

        return r < 0 ? r : add_uses(uses, volumes, name);
}

/* The same for what a machine was started with. Returns 0, -ENOENT if that is not on record, or
 * -ENOMEM. */
static int add_snapshot(const struct state_store *store, const char *name, struct volume_uses *uses)
{
        _cleanup_free_ char *snapshot = NULL;
        _cleanup_json_ json_t *settings = NULL;
        const json_t *mount;
        size_t index;

        if (state_load_definition(store, name, &snapshot) == 0) {
                settings = config_snapshot_settings(snapshot);
        }
        if (!settings) {
                return -ENOENT;
        }
        json_array_foreach(json_object_get(settings, "mounts"), index, mount)
        {
                const char *source = json_get_string(mount, "source");

                if (string_equal(json_get_string(mount, "type"), "volume") && source &&
                    add_use(uses, source, name) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int add_definition(const struct launch_directories *directories, const char *name_or_path,
                          const char *name, struct volume_uses *uses)
{
        _cleanup_(cleanup_machine) struct machine *machine =
                load_definition(directories, name_or_path);

        return machine ? volume_uses_add(uses, machine, name) : -ENOENT;
}

/* A running machine has locked its volumes. */
static int add_locked(const struct launch_directories *directories,
                      const struct machine_record *record, char *const *volumes,
                      struct volume_uses *uses)
{
        STRV_FOREACH(volume, volumes) {
                _cleanup_free_ char *path = volume_path(directories->state, *volume);
                _cleanup_free_ char *key = path ? trees_key(path) : NULL;

                if (!path || (key && strv_contains(record->trees, key) &&
                              add_use(uses, *volume, record->name) < 0)) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int add_machine(const struct launch_directories *directories,
                       const struct state_store *store, const char *name, char *const *volumes,
                       struct volume_uses *uses)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_query(store, name, &record, NULL);

        if (r == 0 && machine_state_is_live(record.state)) {
                return add_locked(directories, &record, volumes, uses);
        }
        r = add_definition(directories, r == 0 && record.definition ? record.definition : name,
                           name, uses);
        r = r == -ENOENT ? add_snapshot(store, name, uses) : r;
        return r == -ENOENT ? strv_append(&uses->unknown, name) : r;
}

/* Names of machines with a definition in the search path or a record, each once. */
static int list_machines(const struct launch_directories *directories,
                         const struct state_store *store, char ***ret, struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(directories->config, ":");
        _cleanup_strv_ char **names = NULL, **known = NULL;
        int r = search_path ? config_list_machines(search_path, false, &names, error)
                            : error_oom(error);

        r = r < 0 ? r : state_list(store, &known, error);
        STRV_FOREACH(name, known) {
                if (r == 0 && !strv_contains(names, *name)) {
                        r = strv_append(&names, *name) < 0 ? error_oom(error) : 0;
                }
        }
        if (r < 0) {
                return r;
        }
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

int volume_uses_find(const struct launch_directories *directories, const struct state_store *store,
                     struct volume_uses *ret, struct machine_error *error)
{
        _cleanup_volume_uses_ struct volume_uses uses = { 0 };
        _cleanup_strv_ char **names = NULL, **volumes = NULL;
        int r = list_machines(directories, store, &names, error);

        r = r < 0 ? r : volume_list(directories->state, &volumes, error);
        STRV_FOREACH(name, names) {
                r = r < 0 ? r : add_machine(directories, store, *name, volumes, &uses);
        }
        if (r < 0) {
                return error_is_set(error) ? r : error_oom(error);
        }
        *ret = uses;
        uses = (struct volume_uses){ 0 };
        return 0;
}

/* ---- Access ---- */

int volume_access_open(const struct launch_directories *directories, struct volume_access *ret,
                       struct machine_error *error)
{
        _cleanup_volume_access_ struct volume_access access = VOLUME_ACCESS_INIT;
        int r = state_store_open(directories->runtime, &access.store, error);

        if (r == 0) {
                r = access.trees = trees_open(&access.store, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = access;
        access = (struct volume_access)VOLUME_ACCESS_INIT;
        return 0;
}

void volume_access_close(struct volume_access *access)
{
        state_store_close(&access->store);
        machine_record_clear(&access->record);
        access->trees = fd_close(access->trees);
}

int volume_access_claim(const struct launch_directories *directories, struct volume_access *access,
                        const char *name, bool make, bool write, struct volume *ret,
                        struct machine_error *error)
{
        const struct volume_claim claim = {
                .state_directory = directories->state,
                .store = &access->store,
                .trees = access->trees,
                .record = &access->record,
                .make = make,
                .write = write,
        };

        return volume_claim(&claim, name, ret, error);
}

int volume_access_remove(const struct launch_directories *directories, struct volume_access *access,
                         const char *name, struct machine_error *error)
{
        _cleanup_volume_ struct volume volume = VOLUME_INIT;
        int r = volume_access_claim(directories, access, name, false, true, &volume, error);

        return r < 0 ? r : volume_remove(&volume, error);
}

/* ---- Removing ---- */

/* Whether a machine that is none of these uses the volume. */
static const char *find_other(const struct volume_uses *uses, const char *volume,
                              char *const *machines)
{
        for (size_t i = 0; i < uses->count; i++) {
                if (string_equal(uses->items[i].volume, volume) &&
                    !strv_contains(machines, uses->items[i].machine)) {
                        return uses->items[i].machine;
                }
        }
        return NULL;
}

/* A machine that may use any volume, because its definition cannot be read. */
static const char *find_unknown(const struct volume_uses *uses, char *const *machines)
{
        STRV_FOREACH(name, uses->unknown) {
                if (!strv_contains(machines, *name)) {
                        return *name;
                }
        }
        return NULL;
}

/* A volume that was never made is none. */
static int remove_one(const struct launch_directories *directories, struct volume_access *access,
                      const struct log *log, const char *name, struct machine_error *error)
{
        int r = volume_access_remove(directories, access, name, error);

        if (r == -ENOENT) {
                machine_error_clear(error);
                return 0;
        }
        if (r == 0) {
                log_notice(log, "removed volume \"%s\"", name);
        }
        return r;
}

int volume_uses_remove(const struct launch_directories *directories, const struct volume_uses *uses,
                       char *const *machines, const struct log *log, struct machine_error *error)
{
        _cleanup_volume_access_ struct volume_access access = VOLUME_ACCESS_INIT;
        int r = volume_access_open(directories, &access, error);

        for (size_t i = 0; i < uses->count && r == 0; i++) {
                const char *name = uses->items[i].volume;
                const char *other = find_other(uses, name, machines);

                other = other ? other : find_unknown(uses, machines);

                if (!strv_contains(machines, uses->items[i].machine)) {
                        continue;
                }
                if (other) {
                        log_notice(log, "keeping volume \"%s\": machine \"%s\" may use it", name,
                                   other);
                        continue;
                }
                r = remove_one(directories, &access, log, name, error);
        }
        return r;
}

static int refuse_to_prune(const char *machine, struct machine_error *error)
{
        error_say(error, EINVAL,
                  "no volume was removed: the definition of machine \"%s\", which may use one, "
                  "cannot be read",
                  machine);
        error_hint(error, "machinectl-lite check %s shows what is wrong with it", machine);
        return -EINVAL;
}

int volume_uses_prune(const struct launch_directories *directories, const struct log *log,
                      struct machine_error *error)
{
        _cleanup_volume_access_ struct volume_access access = VOLUME_ACCESS_INIT;
        _cleanup_volume_uses_ struct volume_uses uses = { 0 };
        _cleanup_strv_ char **names = NULL;
        int r = volume_access_open(directories, &access, error);

        r = r < 0 ? r : volume_uses_find(directories, &access.store, &uses, error);
        r = r < 0 ? r : volume_list(directories->state, &names, error);
        if (r == 0 && uses.unknown) {
                return refuse_to_prune(uses.unknown[0], error);
        }
        if (r == 0) {
                volume_collect(directories->state);
        }
        STRV_FOREACH(name, names) {
                if (r == 0 && !find_other(&uses, *name, NULL)) {
                        r = remove_one(directories, &access, log, *name, error);
                }
        }
        return r;
}

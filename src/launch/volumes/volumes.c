/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The volumes of `mounts`: made, locked and limited before the root is built. The child gives a new
 * one its content. */

#include "state/volumes.h"
#include "base/error.h"
#include "base/strings.h"
#include "config/config.h"
#include "launch/context.h"

DEFINE_CLEANUP(struct volume_definition *, volume_definition_free, cleanup_definition)

static bool is_volume(const struct machine_mount *mount)
{
        return mount->type == MACHINE_MOUNT_VOLUME;
}

bool launch_has_volumes(const struct launch *launch)
{
        const struct machine *machine = launch->machine;

        for (size_t i = 0; i < machine->mount_count; i++) {
                if (is_volume(&machine->mounts[i])) {
                        return true;
                }
        }
        return false;
}

static struct volume_claim claim_of(struct launch *launch)
{
        return (struct volume_claim){
                .state_directory = launch->options.directories.state,
                .store = &launch->store,
                .trees = launch->trees,
                .record = &launch->record,
                .make = true,
        };
}

/* Whether any of the machine's mounts of the volume can be written to. */
static bool is_written(const struct machine *machine, const char *name)
{
        for (size_t i = 0; i < machine->mount_count; i++) {
                const struct machine_mount *mount = &machine->mounts[i];

                if (is_volume(mount) && string_equal(mount->source, name) && !mount->read_only &&
                    !strv_contains(mount->options, "ro")) {
                        return true;
                }
        }
        return false;
}

static int load_definition(const struct launch *launch, const char *name,
                           struct volume_definition **ret, struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(launch->options.directories.config, ":");
        const struct config_options options = {
                .search_path = search_path,
                .trust = { true, launch->machine->trusted_owner },
        };

        return search_path ? config_load_volume_of(launch->machine, name, &options, ret, error)
                           : error_oom(error);
}

/* A volume that cannot have its content is not left behind. */
static int take(struct launch *launch, const struct volume_definition *definition,
                struct machine_error *error)
{
        struct volume_claim claim = claim_of(launch);
        struct volume *volume = &launch->volumes[launch->volume_count];
        int r;

        claim.write = is_written(launch->machine, definition->name);
        r = volume_claim(&claim, definition->name, volume, error);
        if (r < 0) {
                return r;
        }
        launch->volume_count++;
        return volume->write ? volume_describe(volume, definition, launch->machine->name, error)
                             : 0;
}

static bool is_taken(const struct launch *launch, const char *name)
{
        for (size_t i = 0; i < launch->volume_count; i++) {
                if (string_equal(launch->volumes[i].name, name)) {
                        return true;
                }
        }
        return false;
}

static int set_up_volume(struct launch *launch, size_t index, struct machine_error *error)
{
        const char *name = launch->machine->mounts[index].source;
        struct rootfs_volume *mounted = &launch->mounted_volumes[index];
        _cleanup_(cleanup_definition) struct volume_definition *definition = NULL;
        int r = load_definition(launch, name, &definition, error);

        /* A rehearsal makes nothing. */
        if (r == 0 && !launch->options.rehearsal && !is_taken(launch, name)) {
                r = take(launch, definition, error);
        }
        if (r < 0) {
                return r;
        }
        mounted->owner = definition->owner;
        mounted->path = volume_path(launch->options.directories.state, name);
        return mounted->path ? 0 : error_oom(error);
}

int launch_set_up_volumes(struct launch *launch, struct machine_error *error)
{
        size_t count = launch->machine->mount_count;
        int r = 0;

        launch->volumes = calloc(count, sizeof *launch->volumes);
        launch->mounted_volumes = calloc(count, sizeof *launch->mounted_volumes);
        if (!launch->volumes || !launch->mounted_volumes) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count && r == 0; i++) {
                r = is_volume(&launch->machine->mounts[i]) ? set_up_volume(launch, i, error) : 0;
        }
        return r;
}

/* Volumes that are only read, and have their content now. */
int launch_share_volumes(struct launch *launch, struct machine_error *error)
{
        const struct volume_claim claim = claim_of(launch);
        int r = 0;

        for (size_t i = 0; i < launch->volume_count && r == 0; i++) {
                struct volume *volume = &launch->volumes[i];

                if (volume->write && !is_written(launch->machine, volume->name)) {
                        r = volume_share(&claim, volume, error);
                }
        }
        return r;
}

int launch_tear_down_volumes(struct launch *launch, struct machine_error *error)
{
        for (size_t i = 0; i < launch->volume_count; i++) {
                volume_abandon(&launch->volumes[i]);
        }
        launch_free_volumes(launch);
        return 0;
}

void launch_free_volumes(struct launch *launch)
{
        for (size_t i = 0; i < launch->volume_count; i++) {
                volume_clear(&launch->volumes[i]);
        }
        for (size_t i = 0; launch->mounted_volumes && i < launch->machine->mount_count; i++) {
                free(launch->mounted_volumes[i].path);
        }
        free(TAKE_PTR(launch->volumes));
        free(TAKE_PTR(launch->mounted_volumes));
        launch->volume_count = 0;
}

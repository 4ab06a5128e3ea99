/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine's file systems. */

#include <errno.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "cgroup/tree/mount.h"
#include "launch/context.h"
#include "launch/parent/network.h"
#include "launch/steps.h"

static void note_rootfs(void *data, const char *message)
{
        log_debug(data, "%s", message);
}

static void warn_rootfs(void *data, const char *message)
{
        log_warning(data, "%s", message);
}

/* User namespaces with the maps that mounts have of their own. */
static int open_maps(const struct machine *machine, int *fds, struct machine_error *error)
{
        int r = 0;

        for (size_t i = 0; i < machine->mount_count && r == 0; i++) {
                if (machine->mounts[i].maps.uid_count > 0) {
                        r = user_namespace_create_mapped(&machine->mounts[i].maps, &fds[i], error);
                        if (r < 0) {
                                error_prefix(error, "mounts[%zu].uidMappings", i);
                        }
                }
        }
        return r;
}

static int build_mapped_root(struct launch *launch, struct rootfs_parameters *parameters,
                             struct machine_error *error)
{
        size_t count = launch->machine->mount_count;
        _cleanup_free_ int *fds = calloc(count + 1, sizeof *fds);
        _cleanup_free_ char *mount = NULL;
        int r;

        if (!fds) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                fds[i] = -EBADF;
        }
        r = open_maps(launch->machine, fds, error);
        if (r == 0 && !parameters->cgroup_directory) {
                (void)cgroup_find_mount(&mount, NULL);
                parameters->cgroup_directory = mount;
        }
        if (r == 0) {
                parameters->map_fds = fds;
                r = rootfs_build(parameters, &launch->rootfs, error);
        }
        for (size_t i = 0; i < count; i++) {
                fd_close(fds[i]);
        }
        return r;
}

static int build_root(struct launch *launch, bool storage, struct machine_error *error)
{
        _cleanup_free_ char *directory = string_format(
                "%s/machines/%s", launch->options.directories.state, launch->machine->name);
        _cleanup_free_ char *scratch = path_join(launch->options.directories.runtime, "scratch");
        _cleanup_free_ char *loops = path_join(launch->options.directories.runtime, "loops");
        struct rootfs_parameters parameters = {
                .machine = launch->machine,
                .state_directory = directory,
                .scratch_directory = scratch,
                .loops = loops,
                .user_namespace_fd =
                        launch->by_user && !launch->machine->bare ? -EBADF : launch->user_namespace,
                .root_uid = launch_root_uid(launch),
                .root_gid = launch_root_gid(launch),
                .id_count = launch->ids.range.count,
                .by_user = launch->by_user,
                .ungrouped = !launch->cgroup.path,
                .ephemeral = launch->options.ephemeral,
                .rehearsal = launch->options.rehearsal,
                .volumes = launch->mounted_volumes,
                .storage = storage,
                .program_mount_fd = launch->init_program,
                .network_namespace_fd = -EBADF,
                .host_mounts_fd = launch->host.mounts,
                .cgroup_directory = launch->cgroup.path,
                .machine_id = launch->machine_id,
                .note = note_rootfs,
                .warn = warn_rootfs,
                .note_data = (void *)launch->options.log,
        };

        if (launch->network) {
                parameters.network_namespace_fd = network_shared_namespace(launch->network);
                parameters.hosts_path = network_hosts_path(launch->network);
                parameters.hosts_text = network_hosts_text(launch->network);
                parameters.reach = launch_reach(launch);
        }
        if (!directory || !scratch || !loops) {
                return error_oom(error);
        }
        return launch->machine->bare ? build_mapped_root(launch, &parameters, error)
                                     : rootfs_build(&parameters, &launch->rootfs, error);
}

/* For those who ask how the root is verified. */
static int record_verified(struct launch *launch, struct machine_error *error)
{
        struct machine_record *record = &launch->record;
        struct rootfs_verified image;

        strv_free(TAKE_PTR(record->verified));
        for (size_t i = 0; rootfs_verified(launch->rootfs, i, &image); i++) {
                char *text =
                        string_format("%s: root hash %s, signature %s%s", image.path,
                                      image.root_hash, image.signer ? "checked by " : "not checked",
                                      image.signer ? image.signer : "");

                if (strv_take(&record->verified, text) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

int launch_set_up_root(struct launch *launch, struct machine_error *error)
{
        int r = build_root(launch, false, error);

        r = r < 0 ? r : record_verified(launch, error);
        if (r < 0 || launch->options.rehearsal || launch_is_container(launch)) {
                return r;
        }
        r = launch_take_new_trees(launch, error);
        return r < 0 ? r : launch_keep_owner(launch, error);
}

int launch_set_up_storage(struct launch *launch, struct machine_error *error)
{
        return build_root(launch, true, error);
}

int launch_tear_down_root(struct launch *launch, struct machine_error *error)
{
        rootfs_free(TAKE_PTR(launch->rootfs));
        return 0;
}

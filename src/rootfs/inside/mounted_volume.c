/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "base/volume.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/mount.h"

/* A volume of `mounts`. The parent stages its directory, the child mounts the content. */

/* Beside the stage of a volume, the one that its first content is written through. */
#define STAGE_FILLING ".new"

/* ---- Parent ---- */

/* A second clone is for the first content: with its final flags the first one may be read-only. */
int mounted_volume_open(struct rootfs *rootfs, size_t index, struct machine_error *error)
{
        struct staged_mount *staged = &rootfs->mounts[index];
        const char *path = rootfs->named[index].path;
        _cleanup_free_ char *data = path_join(path, VOLUME_DATA);
        const struct tree_attributes attributes = {
                .set = staged->options.set,
                .clear = staged->options.clear,
                .user_namespace_fd = rootfs->user_namespace_fd,
        };
        const struct tree_attributes filling = {
                .set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                .user_namespace_fd = rootfs->user_namespace_fd,
        };
        int r;

        if (!data) {
                return error_oom(error);
        }
        if (access(data, F_OK) == 0) {
                return volume_open(path, &attributes, &staged->volume_fd, error);
        }
        /* The definition of a rehearsal is tried with a copy. */
        if (rootfs->rehearsal) {
                return 0;
        }
        r = volume_open(path, &attributes, &staged->volume_fd, error);
        return r < 0 ? r : volume_open(path, &filling, &staged->filling_fd, error);
}

static int stage_clone(struct rootfs *rootfs, int *fd, const char *name)
{
        int r;

        if (*fd < 0) {
                return 0;
        }
        r = mkdirat(rootfs->scratch_fd, name, 0755) < 0
                    ? -errno
                    : mount_attach(*fd, rootfs->scratch_fd, name);
        *fd = fd_close(*fd);
        return r;
}

int mounted_volume_stage(struct rootfs *rootfs, struct staged_mount *staged, const char *name)
{
        char filling[STAGE_NAME_BYTES + sizeof STAGE_FILLING];
        int r = stage_clone(rootfs, &staged->volume_fd, name);

        snprintf(filling, sizeof filling, "%s" STAGE_FILLING, name);
        return r < 0 ? r : stage_clone(rootfs, &staged->filling_fd, filling);
}

/* ---- Child ---- */

/* The files at the volume's place become the content of a new one. */
int mounted_volume_take(struct rootfs *rootfs, size_t index, const char *name, int target,
                        struct machine_error *error)
{
        char filling[STAGE_NAME_BYTES + sizeof STAGE_FILLING];
        int r = 0;

        snprintf(filling, sizeof filling, "%s" STAGE_FILLING, name);
        if (access(name, F_OK) < 0) {
                return volume_make_temporary(target, error);
        }
        if (access(filling, F_OK) == 0) {
                r = volume_fill(filling, target, &rootfs->named[index].owner, error);
        }
        return r < 0 ? r : volume_take(name, error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "base/rights/way.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"
#include "rootfs/bare/bare.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/mount.h"

/* `mounts`. The parent opens mounts from the host (binds, overlays, volumes) and stages them with
 * their final flags, so that these are locked in the machine; the child clones them into place. */

static void stage_name(size_t index, char name[static STAGE_NAME_BYTES])
{
        snprintf(name, STAGE_NAME_BYTES, "mount%zu", index);
}

/* ---- Parent ---- */

/* Whether a bind's files have the same ids on the host as in the machine. *ret_judged is the file
 * that was examined. If it cannot be examined, bind_open() reports why. */
static bool has_host_ids(const struct rootfs *rootfs, const struct machine_mount *mount,
                         const struct mount_options *options, struct stat *ret_judged)
{
        if (options->map != MACHINE_MOUNT_MAP_AUTO) {
                return options->map == MACHINE_MOUNT_MAP_HOST;
        }
        if (rootfs->user_namespace_fd < 0 || (options->set & MOUNT_ATTR_RDONLY) ||
            way_is_open_to(mount->source, ret_judged) == 0) {
                return true;
        }
        rootfs_note(rootfs,
                    "files in \"%s\" use the machine's ids: users of the host can reach \"%s\"",
                    mount->target, mount->source);
        return false;
}

static int open_bind(struct rootfs *rootfs, const struct machine_mount *mount,
                     struct staged_mount *staged, struct machine_error *error)
{
        const struct mount_options *options = &staged->options;
        struct stat judged = { 0 }, info;
        bool host = has_host_ids(rootfs, mount, options, &judged);
        const struct tree_attributes attributes = {
                .set = options->set,
                .clear = options->clear,
                .propagation = options->propagation,
                .recursive = options->recursive,
                .user_namespace_fd = host ? rootfs->user_namespace_fd : -EBADF,
                .way_out =
                        ", or give this mount map = \"machine\", or the option \"bind\" to leave "
                        "out what is mounted below it",
        };
        int r = bind_open(mount->source, &attributes, &staged->bind, error);

        if (r == 0 && fstat(staged->bind.fd, &info) < 0) {
                r = error_set(error, errno, "cannot stat the source \"%s\"", mount->source);
        }
        if (r == 0 && judged.st_ino != 0 &&
            (judged.st_ino != info.st_ino || judged.st_dev != info.st_dev)) {
                r = error_say(error, EAGAIN, "the source \"%s\" was replaced during the start",
                              mount->source);
        }
        if (r < 0) {
                error_prefix(error, "cannot mount on \"%s\"", mount->target);
                return r;
        }
        staged->directory = S_ISDIR(info.st_mode);
        return 0;
}

int rootfs_open_bind(const struct machine_mount *mount, int user_namespace_fd,
                     struct machine_error *error)
{
        struct rootfs rootfs = { .user_namespace_fd = user_namespace_fd };
        struct staged_mount staged = { .bind.fd = -EBADF };
        int r = mount_options_read(mount, &staged.options, error);

        r = r < 0 ? r : open_bind(&rootfs, mount, &staged, error);
        if (r == 0) {
                r = TAKE_FD(staged.bind.fd);
        }
        bind_clear(&staged.bind);
        return r;
}

static int open_overlay_layer(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                              const char *path, struct staged_mount *staged,
                              struct machine_error *error)
{
        int user_namespace_fd = staged->options.map == MACHINE_MOUNT_MAP_MACHINE
                                        ? -EBADF
                                        : rootfs->user_namespace_fd;
        struct stat info;

        return stat(path, &info) == 0 && disk_is_image(&info)
                       ? disks_add_elsewhere(rootfs, parameters, &staged->overlay, path,
                                             user_namespace_fd, error)
                       : overlay_add_layer(&staged->overlay, path, user_namespace_fd, error);
}

static int open_overlay(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                        const struct machine_mount *mount, struct staged_mount *staged,
                        struct machine_error *error)
{
        _cleanup_strv_ char **layers = NULL;
        int r = strv_split(mount->source, ':', &layers);

        if (r < 0) {
                return error_oom(error);
        }
        staged->directory = true;
        STRV_FOREACH(layer, layers) {
                r = open_overlay_layer(rootfs, parameters, *layer, staged, error);
                if (r < 0) {
                        error_prefix(error, "cannot mount on \"%s\"", mount->target);
                        return r;
                }
        }
        return 0;
}

/* The parent's part in a mount of the host's files. */
static int open_one(struct rootfs *rootfs, const struct rootfs_parameters *parameters, size_t index,
                    struct machine_error *error)
{
        const struct machine_mount *mount = &rootfs->machine->mounts[index];
        struct staged_mount *staged = &rootfs->mounts[index];
        int r;

        switch (mount->type) {
        case MACHINE_MOUNT_BIND:
                return open_bind(rootfs, mount, staged, error);
        case MACHINE_MOUNT_OVERLAY:
                return open_overlay(rootfs, parameters, mount, staged, error);
        case MACHINE_MOUNT_VOLUME:
                r = mounted_volume_open(rootfs, index, error);
                if (r < 0) {
                        error_prefix(error, "cannot mount volume \"%s\" on \"%s\"", mount->source,
                                     mount->target);
                }
                return r;
        default:
                return 0;
        }
}

int mounts_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->mount_count; i++) {
                const struct machine_mount *mount = &rootfs->machine->mounts[i];
                struct staged_mount *staged = &rootfs->mounts[i];
                int r = mount_options_read(mount, &staged->options, error);

                if (r < 0) {
                        return r;
                }
                if (string_equal(mount->target, "/")) {
                        return error_say(error, EINVAL,
                                         "nothing can be mounted on \"/\" of a machine: that is "
                                         "its root");
                }
                staged->directory = true;
                r = open_one(rootfs, parameters, i, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int stage_bind(struct rootfs *rootfs, struct staged_mount *staged, const char *name)
{
        int r = staged->directory ? mkdirat(rootfs->scratch_fd, name, 0755)
                                  : mknodat(rootfs->scratch_fd, name, S_IFREG | 0600, 0);

        if (r < 0) {
                return -errno;
        }
        r = bind_attach(&staged->bind, rootfs->scratch_fd, name);
        if (r == 0) {
                bind_clear(&staged->bind);
        }
        return r;
}

static int stage_overlay(struct rootfs *rootfs, struct staged_mount *staged, const char *name,
                         struct machine_error *error)
{
        struct mount_attr attr = { .attr_set = staged->options.set,
                                   .attr_clr = staged->options.clear };
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (mkdirat(rootfs->scratch_fd, name, 0755) < 0) {
                return error_set(error, errno, "cannot create a mount point for the overlay");
        }
        fd = openat(rootfs->scratch_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                return error_set(error, errno, "cannot create a mount point for the overlay");
        }
        r = overlay_mount(&staged->overlay, fd, error);
        if (r == 0 && mount_setattr(fd, STAGE_MERGED, 0, &attr, sizeof attr) < 0) {
                r = error_set(error, errno, "cannot set the overlay's options");
        }
        return r;
}

static int stage_one(struct rootfs *rootfs, size_t index, struct machine_error *error)
{
        struct staged_mount *staged = &rootfs->mounts[index];
        char name[STAGE_NAME_BYTES];
        int r = 0;

        stage_name(index, name);
        switch (rootfs->machine->mounts[index].type) {
        case MACHINE_MOUNT_BIND:
                r = stage_bind(rootfs, staged, name);
                break;
        case MACHINE_MOUNT_VOLUME:
                r = mounted_volume_stage(rootfs, staged, name);
                break;
        case MACHINE_MOUNT_OVERLAY:
                return stage_overlay(rootfs, staged, name, error);
        default:
                break;
        }
        return r < 0 ? error_set(error, r, "cannot stage it") : 0;
}

int mounts_stage(struct rootfs *rootfs, struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->mount_count; i++) {
                int r = stage_one(rootfs, i, error);

                if (r < 0) {
                        error_prefix(error, "cannot mount on \"%s\"",
                                     rootfs->machine->mounts[i].target);
                        return r;
                }
        }
        return 0;
}

void mounts_free(struct rootfs *rootfs)
{
        for (size_t i = 0; rootfs->mounts && i < rootfs->machine->mount_count; i++) {
                bind_clear(&rootfs->mounts[i].bind);
                overlay_clear(&rootfs->mounts[i].overlay);
                fd_close(rootfs->mounts[i].volume_fd);
                fd_close(rootfs->mounts[i].filling_fd);
        }
        free(rootfs->mounts);
}

/* ---- Child ---- */

static int take_staged(const struct staged_mount *staged, enum machine_mount_type type,
                       size_t index)
{
        char path[STAGE_NAME_BYTES + sizeof STAGE_MERGED];

        stage_name(index, path);
        if (type == MACHINE_MOUNT_OVERLAY) {
                strcat(path, "/" STAGE_MERGED);
        }
        return mount_clone(AT_FDCWD, path, staged->options.recursive);
}

static int new_tmpfs(const struct mount_options *options, struct machine_error *error)
{
        struct mount_option keys[4];
        size_t count = 0;

        if (options->size[0]) {
                keys[count++] = (struct mount_option){ "size", options->size };
        }
        if (options->mode[0]) {
                keys[count++] = (struct mount_option){ "mode", options->mode };
        }
        if (options->inodes[0]) {
                keys[count++] = (struct mount_option){ "nr_inodes", options->inodes };
        }
        keys[count] = (struct mount_option){ NULL, NULL };
        return mount_new("tmpfs", keys, options->set, error);
}

static int open_mount(struct rootfs *rootfs, size_t index, int target, struct machine_error *error)
{
        const struct machine_mount *mount = &rootfs->machine->mounts[index];
        const struct staged_mount *staged = &rootfs->mounts[index];
        char name[STAGE_NAME_BYTES];
        int fd;

        switch (mount->type) {
        case MACHINE_MOUNT_TMPFS:
                fd = new_tmpfs(&staged->options, error);
                break;
        case MACHINE_MOUNT_MQUEUE:
                fd = mount_new("mqueue", NULL, staged->options.set, error);
                break;
        case MACHINE_MOUNT_VOLUME:
                stage_name(index, name);
                fd = mounted_volume_take(rootfs, index, name, target, error);
                break;
        default:
                fd = take_staged(staged, mount->type, index);
                if (fd < 0) {
                        error_set(error, fd, "cannot clone the mount of the source");
                }
        }
        if (fd < 0) {
                error_prefix(error, "cannot mount on \"%s\"", mount->target);
        }
        return fd;
}

int rootfs_mounts(struct rootfs *rootfs, struct machine_error *error)
{
        if (rootfs->machine->bare) {
                return bare_mounts(rootfs, error);
        }
        for (size_t i = 0; i < rootfs->machine->mount_count; i++) {
                const struct machine_mount *mount = &rootfs->machine->mounts[i];
                _cleanup_close_ int fd = -EBADF, target = -EBADF;
                int r;

                target = rootfs_target(rootfs, mount->target, rootfs->mounts[i].directory,
                                       mount->create, error);
                if (target < 0) {
                        return target;
                }
                fd = open_mount(rootfs, i, target, error);
                if (fd < 0) {
                        return fd;
                }
                r = mount_attach_over(fd, target);
                if (r == 0) {
                        r = mount_id(fd, "", &rootfs->mounts[i].id);
                }
                if (r < 0) {
                        return error_set(error, r, "cannot mount on \"%s\"", mount->target);
                }
        }
        return 0;
}

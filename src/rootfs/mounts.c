/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/idmap.h"
#include "rootfs/internal.h"
#include "rootfs/mount.h"

/* `mounts`. What comes from the host (binds, overlays) the parent opens and stages with its final
 * flags, so that they are locked in the machine; the child clones it into place. */

static void stage_name(size_t index, char name[static STAGE_NAME_BYTES])
{
        snprintf(name, STAGE_NAME_BYTES, "mount%zu", index);
}

/* ---- Parent ---- */

static int open_bind(struct rootfs *rootfs, const struct machine_mount *mount,
                     struct staged_mount *staged, struct machine_error *error)
{
        const struct mount_options *options = &staged->options;
        const struct tree_attributes attributes = {
                .set = options->set,
                .clear = options->clear,
                .propagation = options->propagation,
                .recursive = options->recursive,
                .user_namespace_fd = options->map_ids ? rootfs->user_namespace_fd : -EBADF,
                .way_out = ", or give this mount the option \"noidmap\", or \"bind\" to leave out "
                           "what is mounted below it",
        };
        struct stat info;

        staged->fd = mount_clone(AT_FDCWD, mount->source, options->recursive);
        if (staged->fd == -ENOENT) {
                int r = error_say(error, ENOENT,
                                  "cannot mount on \"%s\": the source \"%s\" does not exist on "
                                  "the host",
                                  mount->target, mount->source);

                error_kind(error, MACHINE_ERROR_NO_INPUT);
                return r;
        }
        if (staged->fd < 0 || fstat(staged->fd, &info) < 0) {
                return error_set(error, staged->fd < 0 ? staged->fd : errno,
                                 "cannot mount on \"%s\": cannot open the source \"%s\"",
                                 mount->target, mount->source);
        }
        staged->directory = S_ISDIR(info.st_mode);
        return tree_set_attributes(staged->fd, &attributes, "source", mount->source, error);
}

static int open_overlay(struct rootfs *rootfs, const struct machine_mount *mount,
                        struct staged_mount *staged, struct machine_error *error)
{
        _cleanup_strv_ char **layers = NULL;
        int r = strv_split(mount->source, ':', &layers);

        if (r < 0) {
                return error_oom(error);
        }
        staged->directory = true;
        STRV_FOREACH(layer, layers) {
                r = overlay_add_layer(&staged->overlay, *layer,
                                      staged->options.map_ids ? rootfs->user_namespace_fd : -EBADF,
                                      error);
                if (r < 0) {
                        error_prefix(error, "cannot mount on \"%s\"", mount->target);
                        return r;
                }
        }
        return 0;
}

int mounts_open(struct rootfs *rootfs, struct machine_error *error)
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
                if (mount->type == MACHINE_MOUNT_BIND) {
                        r = open_bind(rootfs, mount, staged, error);
                } else if (mount->type == MACHINE_MOUNT_OVERLAY) {
                        r = open_overlay(rootfs, mount, staged, error);
                }
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
        r = mount_attach(staged->fd, rootfs->scratch_fd, name);
        if (r == 0) {
                fd_close(TAKE_FD(staged->fd));
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
                return error_set(error, errno, "cannot make a place for the overlay");
        }
        fd = openat(rootfs->scratch_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                return error_set(error, errno, "cannot make a place for the overlay");
        }
        r = overlay_mount(&staged->overlay, fd, error);
        if (r == 0 && mount_setattr(fd, STAGE_MERGED, 0, &attr, sizeof attr) < 0) {
                r = error_set(error, errno, "cannot set the overlay's options");
        }
        return r;
}

int mounts_stage(struct rootfs *rootfs, struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->mount_count; i++) {
                const struct machine_mount *mount = &rootfs->machine->mounts[i];
                char name[STAGE_NAME_BYTES];
                int r = 0;

                stage_name(i, name);
                if (mount->type == MACHINE_MOUNT_BIND) {
                        r = stage_bind(rootfs, &rootfs->mounts[i], name);
                        if (r < 0) {
                                return error_set(error, r, "cannot stage the mount on \"%s\"",
                                                 mount->target);
                        }
                } else if (mount->type == MACHINE_MOUNT_OVERLAY) {
                        r = stage_overlay(rootfs, &rootfs->mounts[i], name, error);
                        if (r < 0) {
                                error_prefix(error, "cannot mount on \"%s\"", mount->target);
                                return r;
                        }
                }
        }
        return 0;
}

void mounts_free(struct rootfs *rootfs)
{
        for (size_t i = 0; rootfs->mounts && i < rootfs->machine->mount_count; i++) {
                fd_close(rootfs->mounts[i].fd);
                overlay_clear(&rootfs->mounts[i].overlay);
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

static int open_mount(struct rootfs *rootfs, size_t index, struct machine_error *error)
{
        const struct machine_mount *mount = &rootfs->machine->mounts[index];
        const struct staged_mount *staged = &rootfs->mounts[index];
        int fd;

        switch (mount->type) {
        case MACHINE_MOUNT_TMPFS:
                fd = new_tmpfs(&staged->options, error);
                break;
        case MACHINE_MOUNT_MQUEUE:
                fd = mount_new("mqueue", NULL, staged->options.set, error);
                break;
        default:
                fd = take_staged(staged, mount->type, index);
                if (fd < 0) {
                        error_set(error, fd, "cannot take over the source");
                }
        }
        if (fd < 0) {
                error_prefix(error, "cannot mount on \"%s\"", mount->target);
        }
        return fd;
}

int rootfs_mounts(struct rootfs *rootfs, struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->mount_count; i++) {
                const struct machine_mount *mount = &rootfs->machine->mounts[i];
                _cleanup_close_ int fd = -EBADF, target = -EBADF;
                int r;

                target = rootfs_target(rootfs, mount->target, rootfs->mounts[i].directory,
                                       mount->create, error);
                if (target < 0) {
                        return target;
                }
                fd = open_mount(rootfs, i, error);
                if (fd < 0) {
                        return fd;
                }
                r = mount_attach_over(fd, target);
                if (r < 0) {
                        return error_set(error, r, "cannot mount on \"%s\"", mount->target);
                }
        }
        return 0;
}

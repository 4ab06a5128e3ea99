/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "base/volume.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/mount.h"

/* The volumes that an image declares: each is writable, even with a read-only root, and initially
 * contains the image's files at that path.
 *
 * - If the machine's writes are kept, it is volumes/NAME/data next to the writable layer. The child
 *   copies into "new", which is renamed to "data" when complete, so that the start after an
 *   interrupted one copies again.
 * - For an ephemeral machine it is an overlay over that directory, with its upper on the scratch.
 * - Otherwise it is a tmpfs. */

static void stage_name(size_t index, char name[static STAGE_NAME_BYTES])
{
        snprintf(name, STAGE_NAME_BYTES, "volume%zu", index);
}

/* ---- Parent ---- */

/* Escapes a path as systemd-escape(1) does: "/var/lib/data" becomes var-lib-data. NULL if out of
 * memory.
 */
static char *directory_name(const char *volume)
{
        char *name = malloc(4 * strlen(volume) + 1);
        char *out = name;

        for (const char *c = volume + 1; out && *c; c++) {
                if (*c == '/') {
                        *out++ = '-';
                } else if (isalnum((unsigned char)*c) || *c == '_' || (*c == '.' && out > name)) {
                        *out++ = *c;
                } else {
                        out += sprintf(out, "\\x%02x", (unsigned char)*c);
                }
        }
        if (out) {
                *out = '\0';
        }
        return name;
}

int volume_open(const char *path, const struct tree_attributes *attributes, int *ret_fd,
                struct machine_error *error)
{
        _cleanup_close_ int fd = mount_clone(AT_FDCWD, path, false);
        int r = fd < 0 ? error_set(error, fd, "cannot open the directory \"%s\"", path)
                       : tree_set_attributes(fd, attributes, "volume", path, error);

        if (r == 0) {
                *ret_fd = TAKE_FD(fd);
        }
        return r;
}

static int open_kept(struct rootfs *rootfs, const char *path, struct staged_volume *staged,
                     struct machine_error *error)
{
        _cleanup_free_ char *interrupted = string_format("%s/" VOLUME_NEW, path);
        const struct tree_attributes attributes = {
                .set = MOUNT_ATTR_NODEV,
                .user_namespace_fd = rootfs->user_namespace_fd,
        };
        int r = interrupted ? directory_make(path, 0700) : error_oom(error);

        if (r == 0) {
                r = tree_remove(AT_FDCWD, interrupted, error);
        }
        if (r < 0) {
                return error_wrap(error, r, "cannot create the directory \"%s\"", path);
        }
        staged->kind = VOLUME_KEPT;
        return volume_open(path, &attributes, &staged->fd, error);
}

static int open_over_kept(struct rootfs *rootfs, const char *path, struct staged_volume *staged,
                          struct machine_error *error)
{
        _cleanup_free_ char *data = string_format("%s/" VOLUME_DATA, path);

        if (!data) {
                return error_oom(error);
        }
        if (access(data, F_OK) < 0) {
                return 0;
        }
        staged->kind = VOLUME_OVER_KEPT;
        return overlay_add_layer(&staged->overlay, data, rootfs->user_namespace_fd, error);
}

int volumes_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                 struct machine_error *error)
{
        const char *kept = root_kept_directory(parameters);
        size_t i = 0;

        STRV_FOREACH(volume, rootfs->machine->root.volumes) {
                struct staged_volume *staged = &rootfs->volumes[i++];
                _cleanup_free_ char *name = directory_name(*volume);
                _cleanup_free_ char *path =
                        name ? string_format("%s/volumes/%s", kept ? kept : "", name) : NULL;
                int r = path ? 0 : error_oom(error);

                if (r == 0 && kept) {
                        r = parameters->ephemeral ? open_over_kept(rootfs, path, staged, error)
                                                  : open_kept(rootfs, path, staged, error);
                }
                if (r < 0) {
                        error_prefix(error, "cannot give the machine its volume \"%s\"", *volume);
                        return r;
                }
        }
        return 0;
}

static int stage_volume(struct rootfs *rootfs, struct staged_volume *staged, const char *name,
                        struct machine_error *error)
{
        _cleanup_close_ int stage_fd = -EBADF;
        int r;

        if (staged->kind == VOLUME_TEMPORARY) {
                return 0;
        }
        if (mkdirat(rootfs->scratch_fd, name, 0755) < 0) {
                return error_set(error, errno, "cannot create a mount point for a volume");
        }
        if (staged->kind == VOLUME_KEPT) {
                r = mount_attach(staged->fd, rootfs->scratch_fd, name);
                if (r < 0) {
                        return error_set(error, r, "cannot stage a volume");
                }
                fd_close(TAKE_FD(staged->fd));
                return 0;
        }
        stage_fd = openat(rootfs->scratch_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return stage_fd < 0 ? error_set(error, errno, "cannot create a mount point for a volume")
                            : overlay_mount(&staged->overlay, stage_fd, error);
}

int volumes_stage(struct rootfs *rootfs, struct machine_error *error)
{
        size_t i = 0;

        STRV_FOREACH(volume, rootfs->machine->root.volumes) {
                char name[STAGE_NAME_BYTES];
                int r;

                stage_name(i, name);
                r = stage_volume(rootfs, &rootfs->volumes[i++], name, error);
                if (r < 0) {
                        error_prefix(error, "cannot give the machine its volume \"%s\"", *volume);
                        return r;
                }
        }
        return 0;
}

void volumes_free(struct rootfs *rootfs)
{
        size_t count = strv_length(rootfs->machine->root.volumes);

        for (size_t i = 0; rootfs->volumes && i < count; i++) {
                fd_close(rootfs->volumes[i].fd);
                overlay_clear(&rootfs->volumes[i].overlay);
        }
        free(rootfs->volumes);
}

/* ---- Child ---- */

static int copy_content(int stage_fd, int target, const struct machine_owner *owner,
                        struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (mkdirat(stage_fd, VOLUME_NEW, 0755) < 0) {
                return error_set(error, errno, "cannot create its directory");
        }
        fd = openat(stage_fd, VOLUME_NEW, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? error_set(error, errno, "cannot open its directory")
                   : volume_copy(target, fd, error);
        if (r < 0) {
                return r;
        }
        if (owner && owner->set && fchown(fd, owner->uid, owner->gid) < 0) {
                return error_set(error, errno, "cannot give it to %u:%u", owner->uid, owner->gid);
        }
        /* After a power failure the name must not refer to files without content. */
        if (syncfs(fd) < 0 || renameat(stage_fd, VOLUME_NEW, stage_fd, VOLUME_DATA) < 0) {
                return error_set(error, errno, "cannot keep its content");
        }
        return 0;
}

int volume_fill(const char *stage, int target, const struct machine_owner *owner,
                struct machine_error *error)
{
        _cleanup_close_ int stage_fd = open(stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (stage_fd < 0) {
                return error_set(error, errno, "cannot open its directory");
        }
        /* Another mount of the machine may have filled it. */
        return faccessat(stage_fd, VOLUME_DATA, F_OK, AT_SYMLINK_NOFOLLOW) == 0
                       ? 0
                       : copy_content(stage_fd, target, owner, error);
}

int volume_take(const char *stage, struct machine_error *error)
{
        _cleanup_close_ int stage_fd = open(stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int fd = stage_fd < 0 ? -errno : mount_clone(stage_fd, VOLUME_DATA, false);

        return fd < 0 ? error_set(error, fd, "cannot clone its mount") : fd;
}

int volume_make_temporary(int target, struct machine_error *error)
{
        const struct mount_option options[] = { { "mode", "0755" }, { NULL, NULL } };
        _cleanup_close_ int fd = mount_new("tmpfs", options, MOUNT_ATTR_NODEV, error);
        int r = fd < 0 ? fd : volume_copy(target, fd, error);

        return r < 0 ? r : TAKE_FD(fd);
}

static int take_volume(enum staged_volume_kind kind, size_t index, int target,
                       struct machine_error *error)
{
        char name[STAGE_NAME_BYTES + sizeof STAGE_MERGED];
        int fd;

        stage_name(index, name);
        switch (kind) {
        case VOLUME_KEPT:
                /* On the first start the image's files become its content. */
                fd = volume_fill(name, target, NULL, error);
                return fd < 0 ? fd : volume_take(name, error);
        case VOLUME_OVER_KEPT:
                strcat(name, "/" STAGE_MERGED);
                fd = mount_clone(AT_FDCWD, name, false);
                return fd < 0 ? error_set(error, fd, "cannot clone its mount") : fd;
        case VOLUME_TEMPORARY:
                break;
        }
        return volume_make_temporary(target, error);
}

int rootfs_volumes(struct rootfs *rootfs, struct machine_error *error)
{
        size_t i = 0;

        STRV_FOREACH(volume, rootfs->machine->root.volumes) {
                _cleanup_close_ int fd = -EBADF, target = -EBADF;
                int r = target = rootfs_target(rootfs, *volume, true, true, error);

                if (r >= 0) {
                        r = fd = take_volume(rootfs->volumes[i].kind, i, target, error);
                }
                if (r >= 0) {
                        r = mount_attach_over(fd, target);
                }
                if (r < 0) {
                        if (!error_is_set(error)) {
                                error_set(error, r, "cannot mount it");
                        }
                        error_prefix(error, "cannot give the machine its volume \"%s\"", *volume);
                        return r;
                }
                i++;
        }
        return 0;
}

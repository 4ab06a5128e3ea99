/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/mount/overlay.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/strings.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/libmount.h"
#include "rootfs/mount/mount.h"

/* metacopy and redirect_dir let an upper refer to other files of the layers by an extended
 * attribute, which it must not do; index ties an upper to the inodes of its layers, which change if
 * a layer is copied or unpacked again. The defaults of all three are the host's choice. */
#define OVERLAY_OPTIONS "metacopy=off,redirect_dir=nofollow,index=off"

/* Two base 36 digits are enough for 1296. */
void overlay_layer_name(size_t index, char name[static OVERLAY_NAME_BYTES])
{
        static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
        size_t at = 0;

        if (index >= 36) {
                name[at++] = digits[index / 36 % 36];
        }
        name[at++] = digits[index % 36];
        name[at] = '\0';
}

static int explain_open(const char *path, int number, struct machine_error *error)
{
        int r;

        if (number == ENOENT) {
                r = error_say(error, ENOENT, "the layer \"%s\" does not exist", path);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
                error_hint(error, "create the directory, or correct the path");
                return r;
        }
        return error_set(error, number, "cannot open the layer \"%s\"", path);
}

static int append_layer(struct overlay *overlay, const char *path, int fd)
{
        struct overlay_layer *layers;
        char *copy = strdup(path);

        if (!copy) {
                return -ENOMEM;
        }
        layers = reallocarray(overlay->layers, overlay->count + 1, sizeof *layers);
        if (!layers) {
                free(copy);
                return -ENOMEM;
        }
        overlay->layers = layers;
        layers[overlay->count++] = (struct overlay_layer){ .path = copy, .fd = fd };
        return 0;
}

static int check_count(const struct overlay *overlay, struct machine_error *error)
{
        return overlay->count < OVERLAY_LAYERS_MAXIMUM
                       ? 0
                       : error_say(error, E2BIG,
                                   "there are more than %d layers, the maximum of the kernel's "
                                   "overlay file system",
                                   OVERLAY_LAYERS_MAXIMUM);
}

int overlay_add_mount(struct overlay *overlay, const char *path, int mount_fd,
                      struct machine_error *error)
{
        int r = check_count(overlay, error);

        if (r == 0 && append_layer(overlay, path, mount_fd) < 0) {
                r = error_oom(error);
        }
        if (r < 0) {
                fd_close(mount_fd);
        }
        return r;
}

int overlay_add_layer(struct overlay *overlay, const char *path, int user_namespace_fd,
                      struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        const struct tree_attributes attributes = {
                .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV,
                .user_namespace_fd = user_namespace_fd,
        };
        int r = check_count(overlay, error);

        if (r < 0) {
                return r;
        }
        fd = mount_clone(AT_FDCWD, path, false);
        if (fd < 0) {
                return explain_open(path, -fd, error);
        }
        if (overlay->by_user && overlay->writable) {
                r = tree_check_owner(fd, "layer", path, error);
                if (r < 0) {
                        return r;
                }
        }
        r = tree_set_attributes(fd, &attributes, "layer", path, error);
        if (r < 0) {
                return r;
        }
        if (append_layer(overlay, path, fd) < 0) {
                return error_oom(error);
        }
        TAKE_FD(fd);
        return 0;
}

static int attach_layer(struct overlay_layer *layer, int stage_fd, const char *name,
                        struct machine_error *error)
{
        int r;

        if (mkdirat(stage_fd, name, 0755) < 0) {
                return error_set(error, errno, "cannot stage the layer \"%s\"", layer->path);
        }
        r = mount_attach(layer->fd, stage_fd, name);
        if (r < 0) {
                struct stat info;

                /* Mounting fails if the layer is a file: checking that in advance would cost a call
                 * for each layer. */
                if (fstat(layer->fd, &info) == 0 && !S_ISDIR(info.st_mode)) {
                        return error_say(error, ENOTDIR, "the layer \"%s\" is not a directory",
                                         layer->path);
                }
                return error_set(error, r, "cannot stage the layer \"%s\"", layer->path);
        }
        fd_close(TAKE_FD(layer->fd));
        return 0;
}

/* Attaches the layers and writes their names, "0:1:2", into text. */
static int attach_layers(struct overlay *overlay, int stage_fd, char *text,
                         struct machine_error *error)
{
        char *at = text;

        for (size_t i = 0; i < overlay->count; i++) {
                char name[OVERLAY_NAME_BYTES];
                int r;

                overlay_layer_name(i, name);
                r = attach_layer(&overlay->layers[i], stage_fd, name, error);
                if (r < 0) {
                        return r;
                }
                if (i > 0) {
                        *at++ = ':';
                }
                at = stpcpy(at, name);
        }
        return 0;
}

int overlay_copy_root(int directory_fd, const char *name, const struct stat *layer)
{
        if (fchownat(directory_fd, name, layer->st_uid, layer->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(directory_fd, name, layer->st_mode & 07777, 0) < 0) {
                return -errno;
        }
        return 0;
}

static int make_volatile_upper(int stage_fd, struct machine_error *error)
{
        char top[OVERLAY_NAME_BYTES];
        struct stat layer;
        int r;

        if (mkdirat(stage_fd, "kept/upper", 0755) < 0 || mkdirat(stage_fd, "kept/work", 0755) < 0) {
                return error_set(error, errno, "cannot create a volatile upper directory");
        }
        overlay_layer_name(0, top);
        r = fstatat(stage_fd, top, &layer, 0) < 0
                    ? -errno
                    : overlay_copy_root(stage_fd, "kept/upper", &layer);
        return r < 0 ? error_set(error, r, "cannot give the root its owner and mode") : 0;
}

/* Writes go to the directory that was opened, or to two directories of the scratch tmpfs. These
 * belong to the machine's root, whose identity is assumed, and need no id map. */
static int attach_upper(struct overlay *overlay, int stage_fd, struct machine_error *error)
{
        int r;

        if (mkdirat(stage_fd, "kept", 0755) < 0) {
                return error_set(error, errno, "cannot stage the upper directory");
        }
        if (overlay->upper_fd < 0) {
                return make_volatile_upper(stage_fd, error);
        }
        r = mount_attach(overlay->upper_fd, stage_fd, "kept");
        if (r < 0) {
                return error_set(error, r, "cannot stage \"%s\"", overlay->upper_path);
        }
        fd_close(TAKE_FD(overlay->upper_fd));
        return 0;
}

static int explain_mount(const struct overlay *overlay, int stage_fd, int number,
                         const char *sentence, struct machine_error *error)
{
        _cleanup_close_ int kept = openat(stage_fd, "kept", O_PATH | O_DIRECTORY | O_CLOEXEC);
        char text[24];
        int r;

        switch (number) {
        case ENODEV:
                r = error_say(error, number, "this kernel has no overlay file system");
                error_hint(error, "load its module: modprobe overlay");
                return r;
        case ELOOP:
                r = error_say(error, number,
                              "cannot mount the overlay: a layer is listed twice, or is inside "
                              "another layer or the upper directory");
                return r;
        case EBUSY:
                return error_say(error, number,
                                 "cannot mount the overlay: \"%s\" is in use by another overlay",
                                 overlay->upper_path ? overlay->upper_path : "upper");
        case EINVAL:
                if (overlay->upper_path && kept >= 0) {
                        r = error_say(error, number,
                                      "cannot mount the overlay: \"%s\" is on a file system (%s) "
                                      "that does not support upper directories",
                                      overlay->upper_path, mount_type_name(kept, text));
                        error_hint(error, "an upper directory needs ext4, xfs, btrfs or tmpfs: "
                                          "move the state with --state-dir, or use upper = "
                                          "\"volatile\"; the kernel's log (dmesg) has more");
                        return r;
                }
        }
        r = error_set(error, number, "cannot mount the overlay%s%s", sentence[0] ? ": " : "",
                      sentence);
        error_hint(error, "see the kernel's log (dmesg)");
        return r;
}

/* libmount 2.39 and later passes each option to fsconfig(2), which accepts 255 bytes. */
static bool fits_library(const char *layers)
{
        return strlen(layers) <= 255;
}

static int mount_by_library(const struct overlay *overlay, int stage_fd, const char *options,
                            struct machine_error *error)
{
        struct libmount_failure failure;
        int r = libmount_mount("overlay", "overlay", STAGE_MERGED, MS_NODEV, options, &failure);

        return r < 0 ? explain_mount(overlay, stage_fd, failure.number, failure.sentence, error)
                     : 0;
}

static int mount_staged(const struct overlay *overlay, int stage_fd, const char *layers,
                        struct machine_error *error)
{
        _cleanup_free_ char *options = string_format(
                "lowerdir=%s,upperdir=kept/upper,workdir=kept/work," OVERLAY_OPTIONS "%s", layers,
                overlay->by_user ? ",userxattr" : "");

        if (!options) {
                return error_oom(error);
        }
        if (fits_library(layers)) {
                return mount_by_library(overlay, stage_fd, options, error);
        }
        return mount("overlay", STAGE_MERGED, "overlay", MS_NODEV, options) < 0
                       ? explain_mount(overlay, stage_fd, errno, "", error)
                       : 0;
}

/* Overlayfs silently becomes read-only if it cannot use its work directory. */
static int check_writable(const struct overlay *overlay, int stage_fd, struct machine_error *error)
{
        _cleanup_close_ int fd = openat(stage_fd, STAGE_MERGED, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statvfs info;
        int r;

        if (fd < 0 || fstatvfs(fd, &info) < 0) {
                return error_set(error, errno, "cannot stat the overlay that was mounted");
        }
        if (info.f_flag & ST_RDONLY) {
                r = error_say(error, EROFS,
                              "the kernel made the overlay read-only, because it cannot write "
                              "into the work directory%s%s",
                              overlay->upper_path ? " in " : "",
                              overlay->upper_path ? overlay->upper_path : "");
                error_hint(error, "see the kernel's log (dmesg)");
                return r;
        }
        return 0;
}

int overlay_mount(struct overlay *overlay, int stage_fd, struct machine_error *error)
{
        char layers[OVERLAY_LAYERS_MAXIMUM * OVERLAY_NAME_BYTES];
        int r;

        r = attach_layers(overlay, stage_fd, layers, error);
        if (r < 0) {
                return r;
        }
        r = attach_upper(overlay, stage_fd, error);
        if (r < 0) {
                return r;
        }
        if (mkdirat(stage_fd, STAGE_MERGED, 0755) < 0 || fchdir(stage_fd) < 0) {
                return error_set(error, errno, "cannot create a mount point for the overlay");
        }
        r = mount_staged(overlay, stage_fd, layers, error);
        return r < 0 ? r : check_writable(overlay, stage_fd, error);
}

void overlay_clear(struct overlay *overlay)
{
        for (size_t i = 0; i < overlay->count; i++) {
                fd_close(overlay->layers[i].fd);
                free(overlay->layers[i].path);
        }
        free(overlay->layers);
        free(overlay->upper_path);
        fd_close(overlay->upper_fd);
        *overlay = (struct overlay){ .upper_fd = -EBADF };
}

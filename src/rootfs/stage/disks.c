/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/common/internal.h"
#include "rootfs/disk/proof.h"
#include "rootfs/mount/mount.h"

/* The disk images of a root. What an image has for a place below the root, such as usr, is no part
 * of the overlay's layer, as overlayfs leaves out what is mounted in its layers: it gets an overlay
 * of its own, together with that directory of the other layers. Its writes are kept in parts/PLACE
 * beside those of the root. */

#define KEPT_PARTS "parts"

/* Of an image that is in an overlay of `mounts`. */
#define LAYER_ELSEWHERE SIZE_MAX

static struct staged_disks *disks_of(struct rootfs *rootfs)
{
        if (!rootfs->disks) {
                struct staged_disks *disks = calloc(1, sizeof *disks);

                for (int role = 0; disks && role < DISK_ROLES; role++) {
                        disks->parts[role].overlay.upper_fd = -EBADF;
                        disks->parts[role].upper_lock = -EBADF;
                }
                rootfs->disks = disks;
        }
        return rootfs->disks;
}

static struct staged_disk *new_disk(struct rootfs *rootfs)
{
        struct staged_disks *disks = disks_of(rootfs);
        struct staged_disk *all =
                disks ? reallocarray(disks->all, disks->count + 1, sizeof *all) : NULL;

        if (!all) {
                return NULL;
        }
        disks->all = all;
        all[disks->count] = (struct staged_disk){ .mounts = DISK_MOUNTS_INIT };
        return &all[disks->count++];
}

static int open_disk(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                     const char *path, bool write, struct staged_disk **ret,
                     struct machine_error *error)
{
        const struct machine_verity *verity = &rootfs->machine->root.verity;
        const struct disk_request request = {
                .path = path,
                .write = write && !parameters->rehearsal,
                .rehearsal = parameters->rehearsal,
                .size = write && !parameters->rehearsal ? rootfs->machine->root.size
                                                        : MACHINE_UNSET,
                .user_namespace_fd = rootfs->user_namespace_fd,
                .root_uid = rootfs->identity.uid,
                .root_gid = rootfs->identity.gid,
                .loops = parameters->loops,
                .root_hash = verity->root_hash,
                .signature = verity->signature,
                .on_corruption = verity->on_corruption,
                .verity_offset = verity->offset,
                .verity_required = verity->required,
                .warn = parameters->warn,
                .warn_data = parameters->note_data,
        };

        *ret = new_disk(rootfs);
        return *ret ? disk_mount(&request, &(*ret)->mounts, error) : error_oom(error);
}

/* A layer elsewhere than in the root: what says how the root is verified is not about it, apart
 * from that everything has to be. */
static int open_other(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                      const char *path, int user_namespace_fd, struct staged_disk **ret,
                      struct machine_error *error)
{
        const struct disk_request request = {
                .path = path,
                .rehearsal = parameters->rehearsal,
                .size = MACHINE_UNSET,
                .user_namespace_fd = user_namespace_fd,
                .root_uid = rootfs->identity.uid,
                .root_gid = rootfs->identity.gid,
                .loops = parameters->loops,
                .verity_required = rootfs->machine->root.verity.required,
                .warn = parameters->warn,
                .warn_data = parameters->note_data,
        };

        *ret = new_disk(rootfs);
        if (!*ret) {
                return error_oom(error);
        }
        (*ret)->layer = LAYER_ELSEWHERE;
        return disk_mount(&request, &(*ret)->mounts, error);
}

int disks_add_elsewhere(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                        struct overlay *overlay, const char *path, int user_namespace_fd,
                        struct machine_error *error)
{
        struct staged_disk *disk;
        int r = open_other(rootfs, parameters, path, user_namespace_fd, &disk, error);

        if (r == 0 && disk->mounts.count > 1) {
                error_say(error, EOPNOTSUPP,
                          "the image \"%s\" has partitions for several places, and a mount shows "
                          "only one",
                          path);
                error_hint(error, "use an image with one file system, or give the other partitions "
                                  "the flag \"no-auto\" (bit 63): \"sfdisk --part-attrs\"");
                return -EOPNOTSUPP;
        }
        return r < 0 ? r
                     : overlay_add_mount(overlay, path, TAKE_FD(disk->mounts.mounts[0].fd), error);
}

static int add_root_layer(struct rootfs *rootfs, struct staged_disk *disk, const char *path,
                          struct machine_error *error)
{
        disk->layer = rootfs->root.count;
        return overlay_add_mount(&rootfs->root, path, TAKE_FD(disk->mounts.mounts[0].fd), error);
}

int disks_add_layer(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                    const char *path, struct machine_error *error)
{
        struct staged_disk *disk;
        int r = open_disk(rootfs, parameters, path, false, &disk, error);

        return r < 0 ? r : add_root_layer(rootfs, disk, path, error);
}

int disks_open_in_place(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                        const char *path, struct machine_error *error)
{
        const struct machine_root *root = &rootfs->machine->root;
        struct staged_disk *disk;
        int r = open_disk(rootfs, parameters, path, !root->read_only, &disk, error);

        if (r < 0) {
                return r;
        }
        /* A trial start writes to an overlay. */
        if (parameters->rehearsal) {
                rootfs->read_only = root->read_only;
                return add_root_layer(rootfs, disk, path, error);
        }
        rootfs->disks->in_place = true;
        if (!disk->mounts.mounts[0].read_only) {
                rootfs->root_clone = TAKE_FD(disk->mounts.mounts[0].fd);
                return 0;
        }
        /* Mount points that are missing are made in an overlay. */
        rootfs->read_only = true;
        return add_root_layer(rootfs, disk, path, error);
}

/* ---- What is kept of the writes ---- */

static const struct disk_mounted *find_mounted(const struct staged_disk *disk, enum disk_role role)
{
        for (size_t i = 1; i < disk->mounts.count; i++) {
                if (disk->mounts.mounts[i].role == role) {
                        return &disk->mounts.mounts[i];
                }
        }
        return NULL;
}

/* The uppermost image that has something for a place. */
static const struct disk_mounted *find_part(const struct rootfs *rootfs, enum disk_role role)
{
        for (size_t i = 0; i < rootfs->disks->count; i++) {
                const struct disk_mounted *mounted = find_mounted(&rootfs->disks->all[i], role);

                if (mounted) {
                        return mounted;
                }
        }
        return NULL;
}

static int open_kept_part(struct rootfs *rootfs, const char *directory, enum disk_role role,
                          bool write, struct machine_error *error)
{
        struct staged_part *part = &rootfs->disks->parts[role];
        const struct disk_mounted *mounted = find_part(rootfs, role);
        _cleanup_free_ char *path =
                string_format("%s/" KEPT_PARTS "/%s", directory, disk_place(role));
        _cleanup_free_ char *upper = path ? path_join(path, "upper") : NULL;
        int r;

        if (!upper) {
                return error_oom(error);
        }
        if (!write) {
                return access(upper, F_OK) < 0
                               ? 0
                               : overlay_add_layer(&part->overlay, upper, rootfs->user_namespace_fd,
                                                   error);
        }
        r = directory_make(path, 0700);
        if (r < 0) {
                return error_set(error, r, "cannot create the directory \"%s\"", path);
        }
        return overlay_set_upper(&part->overlay, path, rootfs->user_namespace_fd, &mounted->top,
                                 &part->upper_lock, error);
}

int disks_open_kept(struct rootfs *rootfs, const char *directory, bool write,
                    struct machine_error *error)
{
        int r = 0;

        for (int role = 0; r == 0 && rootfs->disks && role < DISK_ROLES; role++) {
                if (find_part(rootfs, (enum disk_role)role)) {
                        r = open_kept_part(rootfs, directory, (enum disk_role)role, write, error);
                }
        }
        return r;
}

const struct stat *disks_top(const struct rootfs *rootfs)
{
        for (size_t i = 0; rootfs->disks && i < rootfs->disks->count; i++) {
                if (rootfs->disks->all[i].layer == 0) {
                        return &rootfs->disks->all[i].mounts.mounts[0].top;
                }
        }
        return NULL;
}

/* ---- Staging ---- */

static int attach_part(struct rootfs *rootfs, int mount_fd, int merged_fd, enum disk_role role,
                       struct machine_error *error)
{
        const char *place = disk_place(role);
        _cleanup_close_ int target = -EBADF;
        int r = rootfs->read_only && !rootfs->disks->in_place
                        ? mount_set(mount_fd, MOUNT_ATTR_RDONLY, false)
                        : 0;

        if (r == 0 && mkdirat(merged_fd, place, 0755) < 0 && errno != EEXIST) {
                r = -errno;
        }
        if (r == 0) {
                target = path_open_no_links(merged_fd, place, O_PATH | O_DIRECTORY, 0);
                r = target < 0 ? target : mount_attach_over(mount_fd, target);
        }
        return r < 0 ? error_set(error, r, "cannot mount the image's partition for /%s", place) : 0;
}

/* The directory of a layer at the place of a part; not if it is a link. */
static int clone_directory(int stage_fd, size_t layer, const char *place)
{
        char name[OVERLAY_NAME_BYTES];
        _cleanup_close_ int layer_fd = -EBADF, fd = -EBADF;

        overlay_layer_name(layer, name);
        layer_fd = openat(stage_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        fd = layer_fd < 0 ? -errno : path_open_no_links(layer_fd, place, O_PATH | O_DIRECTORY, 0);
        return fd < 0 ? fd : mount_clone(fd, "", false);
}

static struct disk_mounted *find_of_layer(struct rootfs *rootfs, size_t layer, enum disk_role role)
{
        for (size_t i = 0; i < rootfs->disks->count; i++) {
                if (rootfs->disks->all[i].layer == layer) {
                        return (struct disk_mounted *)find_mounted(&rootfs->disks->all[i], role);
                }
        }
        return NULL;
}

static int add_part_layers(struct rootfs *rootfs, int stage_fd, enum disk_role role,
                           struct machine_error *error)
{
        struct overlay *overlay = &rootfs->disks->parts[role].overlay;
        int r = 0;

        for (size_t layer = 0; r == 0 && layer < rootfs->root.count; layer++) {
                struct disk_mounted *mounted = find_of_layer(rootfs, layer, role);
                int fd = mounted ? TAKE_FD(mounted->fd)
                                 : clone_directory(stage_fd, layer, disk_place(role));

                if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR) {
                        continue;
                }
                r = fd < 0 ? error_set(error, fd, "cannot open /%s of the layer \"%s\"",
                                       disk_place(role), rootfs->root.layers[layer].path)
                           : overlay_add_mount(overlay, rootfs->root.layers[layer].path, fd, error);
        }
        return r;
}

static int mount_part(struct rootfs *rootfs, int stage_fd, enum disk_role role,
                      struct machine_error *error)
{
        struct overlay *overlay = &rootfs->disks->parts[role].overlay;
        char name[16];
        _cleanup_close_ int part_fd = -EBADF;
        int r, fd;

        snprintf(name, sizeof name, "part-%s", disk_place(role));
        if (mkdirat(stage_fd, name, 0755) < 0) {
                return error_set(error, errno, "cannot stage the image's /%s", disk_place(role));
        }
        part_fd = openat(stage_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (part_fd < 0) {
                return error_set(error, errno, "cannot stage the image's /%s", disk_place(role));
        }
        r = overlay_mount(overlay, part_fd, error);
        if (r < 0) {
                return r;
        }
        fd = mount_clone(part_fd, STAGE_MERGED, false);
        return fd < 0 ? error_set(error, fd, "cannot stage the image's /%s", disk_place(role)) : fd;
}

static int stage_part(struct rootfs *rootfs, int stage_fd, int merged_fd, enum disk_role role,
                      struct machine_error *error)
{
        struct overlay *overlay = &rootfs->disks->parts[role].overlay;
        const struct disk_mounted *mounted = find_part(rootfs, role);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (rootfs->disks->in_place) {
                return attach_part(rootfs, mounted->fd, merged_fd, role, error);
        }
        overlay->by_user = rootfs->by_user;
        r = add_part_layers(rootfs, stage_fd, role, error);
        if (r < 0) {
                return r;
        }
        if (rootfs->read_only && overlay->count == 1) {
                return attach_part(rootfs, overlay->layers[0].fd, merged_fd, role, error);
        }
        fd = mount_part(rootfs, stage_fd, role, error);
        return fd < 0 ? fd : attach_part(rootfs, fd, merged_fd, role, error);
}

int disks_stage(struct rootfs *rootfs, int stage_fd, struct machine_error *error)
{
        _cleanup_close_ int merged_fd = -EBADF;
        int r = 0;

        if (!rootfs->disks) {
                return 0;
        }
        merged_fd = openat(stage_fd, STAGE_MERGED, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (merged_fd < 0) {
                return error_set(error, errno, "cannot open the root of the image");
        }
        for (int role = 0; r == 0 && role < DISK_ROLES; role++) {
                if (find_part(rootfs, (enum disk_role)role)) {
                        r = stage_part(rootfs, stage_fd, merged_fd, (enum disk_role)role, error);
                }
        }
        return r;
}

/* ---- What is verified ---- */

static const struct disk_proof *find_proof(const struct rootfs *rootfs, size_t index)
{
        const struct staged_disks *disks = rootfs->disks;

        for (size_t i = 0; disks && i < disks->count; i++) {
                const struct disk_proof *proof = &disks->all[i].mounts.proof;

                if (proof->device && index-- == 0) {
                        return proof;
                }
        }
        return NULL;
}

bool rootfs_verified(const struct rootfs *rootfs, size_t index, struct rootfs_verified *ret)
{
        const struct disk_proof *proof = find_proof(rootfs, index);

        if (!proof) {
                return false;
        }
        *ret = (struct rootfs_verified){
                .path = proof->path,
                .root_hash = proof->root_hash,
                .signer = proof->signer,
        };
        return true;
}

int rootfs_verified_device(const struct rootfs *rootfs, size_t index, char *ret, size_t size,
                           bool *ret_corrupt)
{
        const struct disk_proof *proof = find_proof(rootfs, index);

        if (!proof) {
                return -ENOENT;
        }
        if (ret_corrupt) {
                *ret_corrupt = disk_is_corrupt(proof);
        }
        return disk_proof_device(proof, ret, size);
}

void disks_free(struct rootfs *rootfs)
{
        struct staged_disks *disks = rootfs->disks;

        if (!disks) {
                return;
        }
        for (size_t i = 0; i < disks->count; i++) {
                disk_mounts_clear(&disks->all[i].mounts);
        }
        for (int role = 0; role < DISK_ROLES; role++) {
                overlay_clear(&disks->parts[role].overlay);
                fd_close(disks->parts[role].upper_lock);
        }
        free(disks->all);
        free(disks);
        rootfs->disks = NULL;
}

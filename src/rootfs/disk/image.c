/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/disk/verity.h"
#include "base/error.h"
#include "base/rights/caller.h"
#include "rootfs/disk/disk.h"
#include "rootfs/disk/proof.h"
#include "rootfs/disk/signature.h"
#include "rootfs/mount/idmap.h"

static int add(struct disk_mounts *mounts, enum disk_role role, int fd, bool read_only,
               struct machine_error *error)
{
        struct disk_mounted *mounted = &mounts->mounts[mounts->count++];

        *mounted = (struct disk_mounted){ .role = role, .fd = fd, .read_only = read_only };
        return fstat(fd, &mounted->top) < 0
                       ? error_set(error, errno, "cannot stat the root of an image")
                       : 0;
}

static int mount_role(const struct disk_source *source, const struct disk_partition *partition,
                      enum disk_role role, struct disk_mounts *ret, struct machine_error *error)
{
        int fd = disk_mount_content(source, partition, &ret->proof, error);

        return fd < 0 ? fd : add(ret, role, fd, !disk_is_written(source, partition), error);
}

/* It needs no id map. */
static int add_own_root(const struct disk_request *request, struct disk_mounts *ret,
                        struct machine_error *error)
{
        struct disk_mounted usr = ret->mounts[--ret->count];
        int fd = disk_make_root(request, usr.fd, error);
        int r = fd < 0 ? fd : add(ret, DISK_ROOT, fd, false, error);

        ret->mounts[ret->count++] = usr;
        ret->own_root = true;
        return r;
}

static int mount_partitions(const struct disk_source *source, struct disk_mounts *ret,
                            struct machine_error *error)
{
        const struct disk_choice *choice = source->choice;
        int r = 0;

        for (int role = 0; r == 0 && role < DISK_ROLES; role++) {
                if (!choice->data[role]) {
                        continue;
                }
                r = mount_role(source, choice->data[role], (enum disk_role)role, ret, error);
                if (r == 0 && role == DISK_USR && !choice->data[DISK_ROOT]) {
                        r = add_own_root(source->request, ret, error);
                }
        }
        return r;
}

static int map_ids(const struct disk_request *request, struct disk_mounts *mounts,
                   struct machine_error *error)
{
        const struct tree_attributes attributes = {
                .user_namespace_fd = request->user_namespace_fd,
        };
        int r = 0;

        for (size_t i = mounts->own_root ? 1 : 0; r == 0 && i < mounts->count; i++) {
                r = tree_set_attributes(mounts->mounts[i].fd, &attributes, "image", request->path,
                                        error);
        }
        return r;
}

static int refuse_user(const char *path, struct machine_error *error)
{
        error_say(error, EPERM,
                  "the image \"%s\" cannot be mounted: the kernel allows only root of the host to "
                  "mount file systems from files and devices",
                  path);
        error_hint(error, "run the machine as root, or unpack the image into a directory: "
                          "\"unsquashfs\", \"fsck.erofs --extract\"");
        return -EPERM;
}

/* A signature that only comes with the image is of no use on a host that knows nobody's. */
static int find_signature(struct disk_source *source, struct machine_error *error)
{
        const struct disk_request *request = source->request;
        int r;

        if (!source->root_hash) {
                return 0;
        }
        r = disk_find_signature(source->image, source->fd, source->root_hash, request->signature,
                                &source->signature, error);
        if (r == 0 && source->signature.data && !request->signature && !request->verity_required &&
            !signature_has_certificates()) {
                disk_signature_clear(&source->signature);
        }
        return r;
}

/* Chooses what is mounted, and how it is verified. */
static int choose(struct disk_source *source, struct disk_choice *choice,
                  struct machine_error *error)
{
        const struct disk_request *request = source->request;
        int r = 0;

        if (request->root_hash) {
                source->root_hash = strdup(request->root_hash);
                r = source->root_hash ? 0 : error_oom(error);
        } else {
                r = disk_find_root_hash(source->image, source->fd, &source->root_hash, error);
        }
        if (r == 0) {
                r = find_signature(source, error);
        }
        if (r == 0 && source->image->has_table) {
                r = disk_choose(source->image, source->root_hash, choice, error);
        }
        source->choice = choice;
        return r;
}

/* Opens it again where it is written to, and locks it. */
static int prepare(struct disk_source *source, struct machine_error *error)
{
        const char *path = source->request->path;

        if (source->request->rehearsal) {
                return 0;
        }
        source->write =
                source->request->write && disk_is_writable(source->image, source->root_hash);
        if (source->write) {
                fd_close(TAKE_FD(source->fd));
                source->fd = disk_open(path, true, error);
        }
        return source->fd < 0 ? source->fd
                              : disk_lock(source->fd, path, source->write, &source->shared, error);
}

/* What is in it is found out and chosen once more if it has grown. */
static int grow(const struct disk_source *source, struct disk_image *image,
                struct disk_choice *choice, struct machine_error *error)
{
        int r = disk_grow(source, error);

        if (r <= 0) {
                return r;
        }
        disk_clear(image);
        *choice = (struct disk_choice){ 0 };
        r = disk_probe(source->fd, source->request->path, image, error);
        return r == 0 && image->has_table ? disk_choose(image, source->root_hash, choice, error)
                                          : r;
}

int disk_mount(const struct disk_request *request, struct disk_mounts *ret,
               struct machine_error *error)
{
        _cleanup_disk_image_ struct disk_image image = { 0 };
        struct disk_choice choice = { 0 };
        struct disk_source source = { .request = request, .image = &image };
        int r;

        if (!caller_is_root()) {
                return refuse_user(request->path, error);
        }
        source.fd = request->rehearsal ? disk_open_busy(request->path, error)
                                       : disk_open(request->path, false, error);
        if (source.fd < 0) {
                return source.fd;
        }
        r = disk_probe(source.fd, request->path, &image, error);
        if (r == 0) {
                r = choose(&source, &choice, error);
        }
        if (r == 0) {
                r = prepare(&source, error);
        }
        ret->lock = source.fd;
        if (r == 0) {
                r = grow(&source, &image, &choice, error);
        }
        if (r == 0) {
                r = image.has_table ? mount_partitions(&source, ret, error)
                                    : mount_role(&source, NULL, DISK_ROOT, ret, error);
        }
        free(source.root_hash);
        disk_signature_clear(&source.signature);
        return r < 0 ? r : map_ids(request, ret, error);
}

void disk_mounts_clear(struct disk_mounts *mounts)
{
        for (size_t i = 0; i < mounts->count; i++) {
                fd_close(mounts->mounts[i].fd);
        }
        fd_close(mounts->lock);
        disk_proof_clear(&mounts->proof);
        *mounts = (struct disk_mounts)DISK_MOUNTS_INIT;
}

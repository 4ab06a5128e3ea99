/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/disk/verity.h"
#include "base/error.h"
#include "base/strings.h"
#include "rootfs/disk/disk.h"
#include "rootfs/disk/loop.h"
#include "rootfs/disk/mapper.h"

/* Devices of the kernel's dm-verity: every block is compared with the tree of hashes when it is
 * read, and the tree with the root hash. */

/* The data and the tree as block devices. */
struct pair {
        int data;
        char data_path[DISK_DEVICE_BYTES];
        uint64_t data_size;
        int tree;
        char tree_path[DISK_DEVICE_BYTES];
};

static void device_name(const struct disk_source *source, char ret[static DM_NAME_BYTES])
{
        snprintf(ret, DM_NAME_BYTES, "machinectl-lite-%.100s", source->root_hash);
}

static int refuse_missing(const struct disk_source *source, const struct disk_partition *partition,
                          struct machine_error *error)
{
        if (partition) {
                error_say(error, ENOENT,
                          "the image \"%s\" has no partition with the hash tree of %s, which its "
                          "root hash needs",
                          source->image->path, disk_role_name(partition->role, DISK_DATA));
                error_hint(error,
                           "its type is %s; its UUID is the second half of the root hash, "
                           "that of the data the first",
                           disk_role_name(partition->role, DISK_VERITY));
        } else {
                error_say(error, ENOENT,
                          "the image \"%s\" has no hash tree, which its root hash needs",
                          source->image->path);
                error_hint(error, "put the tree beside the image, with the ending .verity, or set "
                                  "\"verity.offset\" to its place in the image");
        }
        return -ENOENT;
}

static int open_part(const struct disk_source *source, int fd, const char *path, uint64_t offset,
                     uint64_t size, char ret_path[DISK_DEVICE_BYTES], struct machine_error *error)
{
        const struct loop_part part = { .fd = fd, .path = path, .offset = offset, .size = size };

        return loop_open(&part, source->request->loops, ret_path, error);
}

static int open_beside(const struct disk_source *source, struct pair *pair,
                       struct machine_error *error)
{
        _cleanup_free_ char *path = disk_beside(source->image->path, ".verity");
        _cleanup_close_ int fd = -EBADF;

        if (!path) {
                return error_oom(error);
        }
        if (access(path, F_OK) < 0) {
                return refuse_missing(source, NULL, error);
        }
        fd = disk_open(path, false, error);
        return fd < 0 ? fd : open_part(source, fd, path, 0, 0, pair->tree_path, error);
}

static int open_tree_of(const struct disk_source *source, const struct disk_partition *partition,
                        struct pair *pair, struct machine_error *error)
{
        const struct disk_image *image = source->image;
        const struct disk_partition *tree =
                partition ? source->choice->verity[partition->role] : NULL;

        if (partition) {
                return tree ? open_part(source, source->fd, image->path, tree->offset, tree->size,
                                        pair->tree_path, error)
                            : refuse_missing(source, partition, error);
        }
        return source->request->verity_offset > 0
                       ? open_part(source, source->fd, image->path, source->request->verity_offset,
                                   0, pair->tree_path, error)
                       : open_beside(source, pair, error);
}

static int open_pair(const struct disk_source *source, const struct disk_partition *partition,
                     struct pair *pair, struct machine_error *error)
{
        pair->tree = open_tree_of(source, partition, pair, error);
        if (pair->tree < 0) {
                return pair->tree;
        }
        pair->data_size = partition ? partition->size : source->image->size;
        pair->data = open_part(source, source->fd, source->image->path,
                               partition ? partition->offset : 0, partition ? partition->size : 0,
                               pair->data_path, error);
        return pair->data < 0 ? pair->data : 0;
}

static int refuse_tree(const struct disk_source *source, struct machine_error *error)
{
        error_say(error, EBADMSG,
                  "the hash tree of the image \"%s\" is damaged, or is of another image",
                  source->image->path);
        error_hint(error,
                   "get the image and its tree again; \"veritysetup verify\" finds the block");
        return -EBADMSG;
}

static int open_device(const struct disk_source *source, const struct pair *pair,
                       char ret_path[DISK_DEVICE_BYTES], struct machine_error *error)
{
        char name[DM_NAME_BYTES];
        _cleanup_free_ char *parameters = NULL;
        struct mapper_device device = { .name = name, .target = "verity" };
        struct disk_tree tree;

        if (disk_read_tree(pair->tree, 0, &tree) < 0 ||
            tree.data_blocks > pair->data_size / tree.data_block_size) {
                return refuse_tree(source, error);
        }
        device_name(source, name);
        device.sectors = tree.data_blocks * (tree.data_block_size / 512);
        /* See the kernel's admin-guide/device-mapper/verity.rst. */
        parameters = string_format(
                "%" PRIu32 " %s %s %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 " %s %s %s",
                tree.hash_type, pair->data_path, pair->tree_path, tree.data_block_size,
                tree.hash_block_size, tree.data_blocks, tree.hash_start, tree.algorithm,
                source->root_hash, tree.salt[0] ? tree.salt : "-");
        if (!parameters) {
                return error_oom(error);
        }
        device.parameters = parameters;
        return mapper_open(&device, ret_path, error);
}

int disk_open_verified(const struct disk_source *source, const struct disk_partition *partition,
                       char ret_path[DISK_DEVICE_BYTES], struct machine_error *error)
{
        struct pair pair = { .data = -EBADF, .tree = -EBADF };
        int r = open_pair(source, partition, &pair, error);

        if (r == 0) {
                r = open_device(source, &pair, ret_path, error);
        }
        fd_close(pair.data);
        fd_close(pair.tree);
        return r;
}

bool disk_is_corrupt(const struct disk_source *source)
{
        char name[DM_NAME_BYTES], status[64];

        device_name(source, name);
        return mapper_status(name, status, sizeof status) == 0 && status[0] == 'C';
}

/* ---- What is to be verified ---- */

static int refuse_unverified(const struct disk_source *source,
                             const struct disk_partition *partition, struct machine_error *error)
{
        if (!source->root_hash) {
                error_say(error, ENOKEY,
                          "the image \"%s\" has no root hash, and \"verity.required\" is set",
                          source->image->path);
                error_hint(error,
                           "set \"verity.root_hash\", or put the hash beside the image, in a "
                           "file with the ending .roothash");
                return -ENOKEY;
        }
        error_say(error, ENOKEY,
                  "partition %u (%s) of the image \"%s\" is not verified by the root hash, and "
                  "nothing else is to be mounted",
                  partition->number, disk_role_name(partition->role, partition->part),
                  source->image->path);
        error_hint(error, "give the partition the flag \"no-auto\" (bit 63), or use a bind or a "
                          "volume in its place");
        return -ENOKEY;
}

int disk_wants_verified(const struct disk_source *source, const struct disk_partition *partition,
                        struct machine_error *error)
{
        const struct disk_request *request = source->request;

        if (source->root_hash &&
            (!partition ||
             partition->role == disk_covered_role(source->choice, source->root_hash))) {
                return 1;
        }
        return request->verity_required || request->root_hash
                       ? refuse_unverified(source, partition, error)
                       : 0;
}

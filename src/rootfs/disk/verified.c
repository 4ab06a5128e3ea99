/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/disk/verity.h"
#include "base/error.h"
#include "base/strings.h"
#include "rootfs/disk/disk.h"
#include "rootfs/disk/loop.h"
#include "rootfs/disk/mapper.h"
#include "rootfs/disk/signature.h"

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

/* What the kernel does when it finds a block that differs; NULL: it returns an error to who reads.
 */
static const char *const corruption_words[] = {
        [MACHINE_CORRUPTION_IO_ERROR] = NULL,
        [MACHINE_CORRUPTION_RESTART] = "restart",
        [MACHINE_CORRUPTION_PANIC] = "panic",
};

/* Devices of one name are alike. */
static char *device_name(const struct disk_source *source, bool signed_for_kernel)
{
        const char *word = corruption_words[source->request->on_corruption];

        return string_format("machinectl-lite-%.100s%s%s%s", source->root_hash, word ? "-" : "",
                             word ? word : "", signed_for_kernel ? "-signed" : "");
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

/* The optional parameters: their number, and they. key: the name of the signature or NULL. */
static char *optional_parameters(const struct disk_source *source, const char *key)
{
        const char *word = corruption_words[source->request->on_corruption];
        char mode[40] = "", signature[80] = "";
        unsigned int count = (word ? 1 : 0) + (key ? 2 : 0);

        if (word) {
                snprintf(mode, sizeof mode, " %s_on_corruption", word);
        }
        if (key) {
                snprintf(signature, sizeof signature, " root_hash_sig_key_desc %s", key);
        }
        return count > 0 ? string_format(" %u%s%s", count, mode, signature) : strdup("");
}

/* See the kernel's admin-guide/device-mapper/verity.rst. */
static char *parameters_of(const struct disk_source *source, const struct pair *pair,
                           const struct disk_tree *tree, const char *key)
{
        _cleanup_free_ char *optional = optional_parameters(source, key);

        return optional ? string_format("%" PRIu32 " %s %s %" PRIu32 " %" PRIu32 " %" PRIu64
                                        " %" PRIu64 " %s %s %s%s",
                                        tree->hash_type, pair->data_path, pair->tree_path,
                                        tree->data_block_size, tree->hash_block_size,
                                        tree->data_blocks, tree->hash_start, tree->algorithm,
                                        source->root_hash, tree->salt[0] ? tree->salt : "-",
                                        optional)
                        : NULL;
}

static int open_device(const struct disk_source *source, const struct pair *pair,
                       const struct disk_tree *tree, const char *key,
                       char ret_path[DISK_DEVICE_BYTES], struct disk_proof *proof,
                       struct machine_error *error)
{
        _cleanup_free_ char *parameters = parameters_of(source, pair, tree, key);
        _cleanup_free_ char *name = device_name(source, key != NULL);
        const struct mapper_device device = {
                .name = name,
                .target = "verity",
                .parameters = parameters,
                .sectors = tree->data_blocks * (tree->data_block_size / 512),
        };
        int fd;

        if (!parameters || !name) {
                return error_oom(error);
        }
        fd = mapper_open(&device, ret_path, error);
        if (fd >= 0) {
                free(proof->device);
                proof->device = TAKE_PTR(name);
        }
        return fd;
}

/* The kernel compares the signature with its keyring. -errno without an error: it does not know who
 * has signed, or was built without this. */
static int open_signed(const struct disk_source *source, const struct pair *pair,
                       const struct disk_tree *tree, char ret_path[DISK_DEVICE_BYTES],
                       struct disk_proof *proof)
{
        char name[SIGNATURE_KEY_BYTES];
        int key = signature_add_key(&source->signature, name);
        int fd = key < 0 ? key : open_device(source, pair, tree, name, ret_path, proof, NULL);

        signature_remove_key(key);
        if (fd >= 0) {
                proof->signer = strdup("the kernel");
                if (!proof->signer) {
                        fd_close(fd);
                        return -ENOMEM;
                }
        }
        return fd;
}

/* The kernel reads a verified device in blocks of the tree, and no file system by smaller ones. */
static int check_block_size(const struct disk_source *source,
                            const struct disk_partition *partition, const struct disk_tree *tree,
                            struct machine_error *error)
{
        const struct disk_content *content =
                partition ? &partition->content : &source->image->content;
        _cleanup_free_ char *name = disk_name_of(source, partition);

        if (content->block_size == 0 || content->block_size >= tree->data_block_size) {
                return 0;
        }
        error_say(error, EINVAL,
                  "%s cannot be mounted: the blocks of its %s have %" PRIu32
                  " bytes, and those of its hash tree %" PRIu32,
                  name ? name : "the image", content->type, content->block_size,
                  tree->data_block_size);
        error_hint(error, "make the tree anew: veritysetup format --data-block-size=%" PRIu32,
                   content->block_size);
        return -EINVAL;
}

static int open_checked(const struct disk_source *source, const struct pair *pair,
                        const struct disk_partition *partition, char ret_path[DISK_DEVICE_BYTES],
                        struct disk_proof *proof, struct machine_error *error)
{
        struct disk_tree tree;
        int r = 0;

        if (disk_read_tree(pair->tree, 0, &tree) < 0 ||
            tree.data_blocks > pair->data_size / tree.data_block_size) {
                return refuse_tree(source, error);
        }
        r = check_block_size(source, partition, &tree, error);
        if (r == 0 && source->signature.data) {
                int fd = open_signed(source, pair, &tree, ret_path, proof);

                if (fd >= 0) {
                        return fd;
                }
                r = signature_check(source, fd, &proof->signer, error);
        }
        return r < 0 ? r : open_device(source, pair, &tree, NULL, ret_path, proof, error);
}

int disk_open_verified(const struct disk_source *source, const struct disk_partition *partition,
                       char ret_path[DISK_DEVICE_BYTES], struct disk_proof *proof,
                       struct machine_error *error)
{
        struct pair pair = { .data = -EBADF, .tree = -EBADF };
        int r = open_pair(source, partition, &pair, error);

        if (r == 0) {
                r = open_checked(source, &pair, partition, ret_path, proof, error);
        }
        if (r >= 0) {
                proof->path = strdup(source->image->path);
                proof->root_hash = strdup(source->root_hash);
                if (!proof->path || !proof->root_hash) {
                        fd_close(r);
                        r = error_oom(error);
                }
        }
        fd_close(pair.data);
        fd_close(pair.tree);
        return r;
}

/* ---- What is to be verified ---- */

static int refuse_unverified(const struct disk_source *source,
                             const struct disk_partition *partition, struct machine_error *error)
{
        if (!source->root_hash) {
                error_say(error, ENOKEY, "the image \"%s\" has no root hash, and \"%s\" is set",
                          source->image->path,
                          source->request->verity_required ? "verity.required"
                                                           : "verity.signature");
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
        return request->verity_required || request->root_hash || request->signature
                       ? refuse_unverified(source, partition, error)
                       : 0;
}

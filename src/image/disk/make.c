/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/disk/make.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/disk/disk.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "image/disk/file_system.h"
#include "image/disk/fingerprint.h"
#include "image/disk/part.h"
#include "image/disk/table.h"

/* The files that are being made. With a table, the file system and the tree go into the image. */
struct making {
        const struct disk_making *wanted;
        struct fingerprint fingerprint;
        struct part image;
        struct part root; /* with a table */
        struct part tree; /* with a hash tree */
        struct part hash; /* likewise */
        char root_hash[DIGEST_HEX_LENGTH + 1];
};

static bool has_table(const struct making *making)
{
        return making->wanted->format == IMAGE_FORMAT_RAW;
}

static int begin_beside(const struct making *making, const char *suffix, bool kept,
                        struct part *ret, struct machine_error *error)
{
        _cleanup_free_ char *path = disk_beside(making->wanted->path, suffix);

        return path ? part_begin(path, kept, ret, error) : error_oom(error);
}

static int begin(struct making *making, struct machine_error *error)
{
        int r = part_begin(making->wanted->path, true, &making->image, error);

        if (r == 0 && has_table(making)) {
                r = begin_beside(making, ".root", false, &making->root, error);
        }
        if (r == 0 && making->wanted->verity) {
                r = begin_beside(making, ".verity", !has_table(making), &making->tree, error);
        }
        if (r == 0 && making->wanted->verity) {
                r = begin_beside(making, ".roothash", true, &making->hash, error);
        }
        return r;
}

static int write_hash(struct making *making, struct machine_error *error)
{
        _cleanup_free_ char *line = string_format("%s\n", making->root_hash);
        int r = line ? file_write_all(making->hash.fd, line, strlen(line)) : -ENOMEM;

        return r < 0 ? error_set(error, r, "cannot write %s", making->hash.temporary) : 0;
}

static int add_hashes(struct making *making, const struct part *data, struct machine_error *error)
{
        int r = file_system_hash(data, &making->fingerprint, &making->tree, making->root_hash,
                                 error);

        return r < 0 ? r : write_hash(making, error);
}

static int fill(struct making *making, int tree_fd, struct machine_error *error)
{
        const struct part *data = has_table(making) ? &making->root : &making->image;
        int r = file_system_make(tree_fd, making->wanted->format, &making->fingerprint, data,
                                 error);

        if (r == 0 && making->wanted->verity) {
                r = add_hashes(making, data, error);
        }
        if (r == 0 && has_table(making)) {
                const struct table_content content = {
                        .architecture = making->wanted->architecture,
                        .root = data,
                        .tree = making->wanted->verity ? &making->tree : NULL,
                        .root_hash = making->root_hash,
                };

                r = table_make(&content, &making->fingerprint, &making->image, error);
        }
        return r;
}

/* The image comes last: with it, everything is there. */
static int publish(struct making *making, struct machine_error *error)
{
        struct part *const parts[] = { &making->tree, &making->hash, &making->image };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(parts); i++) {
                r = parts[i]->path ? part_sync(parts[i], error) : 0;
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(parts); i++) {
                r = parts[i]->path ? part_publish(parts[i], error) : 0;
        }
        return r;
}

static int make(struct making *making, int tree_fd, struct machine_error *error)
{
        int r = fingerprint_take(tree_fd, &making->fingerprint, error);

        if (r == 0) {
                r = begin(making, error);
        }
        if (r == 0) {
                r = fill(making, tree_fd, error);
        }
        return r < 0 ? r : publish(making, error);
}

int disk_make(int tree_fd, const struct disk_making *wanted, struct disk_made *ret,
              struct machine_error *error)
{
        struct making making = {
                .wanted = wanted,
                .image = PART_INIT,
                .root = PART_INIT,
                .tree = PART_INIT,
                .hash = PART_INIT,
        };
        int r = make(&making, tree_fd, error);

        if (r == 0) {
                r = part_size(&making.image, &ret->size);
                memcpy(ret->root_hash, making.root_hash, sizeof ret->root_hash);
        }
        part_discard(&making.image);
        part_discard(&making.root);
        part_discard(&making.tree);
        part_discard(&making.hash);
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What proves a disk image: the superblock of a hash tree, the JSON of a signature partition, and
 * versions in labels. The input is each of them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/disk/verity.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition) {
                abort();
        }
}

static void read_tree(const uint8_t *data, size_t size)
{
        static int fd = -1;
        struct disk_tree tree;

        if (fd < 0) {
                fd = memfd_create("fuzz-tree", MFD_CLOEXEC);
        }
        require(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        require(file_write_all(fd, data, size) == 0);
        if (disk_read_tree(fd, 0, &tree) < 0) {
                return;
        }
        /* They go into the parameters of a device. */
        require(tree.algorithm[strspn(tree.algorithm, "abcdefghijklmnopqrstuvwxyz0123456789-")] ==
                '\0');
        require(tree.salt[strspn(tree.salt, "0123456789abcdef")] == '\0');
        require(tree.data_blocks > 0 && tree.data_blocks <= UINT64_MAX / tree.data_block_size);
}

static void read_signature(const char *text)
{
        struct disk_signed_hash signed_hash;

        if (disk_parse_signed_hash(text, &signed_hash) == 0) {
                require(disk_is_root_hash(signed_hash.root_hash));
                require(!signed_hash.signature.data ||
                        (signed_hash.signature.size > 0 &&
                         signed_hash.signature.size <= DISK_SIGNATURE_MAXIMUM));
        }
        disk_signed_hash_clear(&signed_hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *)data, size);
        size_t half = strlen(text) / 2;
        _cleanup_free_ char *first = strndup(text, half);

        read_tree(data, size);
        read_signature(text);
        require(disk_compare_versions(text, text) == 0);
        require((disk_compare_versions(first, text + half) > 0) ==
                (disk_compare_versions(text + half, first) < 0));
        return 0;
}

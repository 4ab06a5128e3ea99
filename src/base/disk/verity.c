/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/disk/verity.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

#define HASH_ATTRIBUTE    "user.verity.roothash"
#define HASH_FILE_MAXIMUM 4096

bool disk_is_root_hash(const char *text)
{
        size_t length = strlen(text);

        for (size_t i = 0; i < length; i++) {
                if (!isxdigit((unsigned char)text[i])) {
                        return false;
                }
        }
        return length >= DISK_HASH_DIGITS_MINIMUM && length <= DISK_HASH_DIGITS_MAXIMUM &&
               length % 2 == 0;
}

/* Takes a hash in lower case from a place that `where` names. */
static int take(const char *text, const char *where, const struct disk_image *image, char **ret,
                struct machine_error *error)
{
        char *hash = strndup(text, strcspn(text, " \t\r\n"));

        if (!hash) {
                return error_oom(error);
        }
        if (!disk_is_root_hash(hash)) {
                free(hash);
                error_say(error, EINVAL, "%s of the image \"%s\" is no root hash of verity", where,
                          image->path);
                error_hint(error, "it has 64 hexadecimal digits, as \"veritysetup format\" prints "
                                  "them");
                return -EINVAL;
        }
        for (char *digit = hash; *digit; digit++) {
                *digit = (char)tolower((unsigned char)*digit);
        }
        *ret = hash;
        return 0;
}

static int from_file(const struct disk_image *image, char **ret, struct machine_error *error)
{
        _cleanup_free_ char *path = disk_beside(image->path, ".roothash"), *text = NULL;
        int r = path ? file_read(AT_FDCWD, path, HASH_FILE_MAXIMUM, &text, NULL) : -ENOMEM;

        if (r == -ENOENT) {
                return 0;
        }
        return r < 0 ? file_explain(r, "the root hash", path ? path : "", error)
                     : take(text, "the file .roothash", image, ret, error);
}

static int from_attribute(const struct disk_image *image, int fd, char **ret,
                          struct machine_error *error)
{
        char text[DISK_HASH_DIGITS_MAXIMUM + 2];
        ssize_t length = fgetxattr(fd, HASH_ATTRIBUTE, text, sizeof text - 1);

        if (length < 0) {
                return errno == ERANGE
                               ? take("", "the attribute " HASH_ATTRIBUTE, image, ret, error)
                               : 0;
        }
        text[length] = '\0';
        return take(text, "the attribute " HASH_ATTRIBUTE, image, ret, error);
}

int disk_find_root_hash(const struct disk_image *image, int fd, char **ret,
                        struct machine_error *error)
{
        int r = from_file(image, ret, error);

        if (r == 0 && !*ret) {
                r = from_attribute(image, fd, ret, error);
        }
        return r == 0 && !*ret ? disk_find_signed_hash(image, fd, ret, error) : r;
}

/* ---- The superblock of a hash tree (veritysetup(8)) ---- */

struct superblock {
        char signature[8];
        uint32_t version;
        uint32_t hash_type;
        uint8_t uuid[16];
        char algorithm[32];
        uint32_t data_block_size;
        uint32_t hash_block_size;
        uint64_t data_blocks;
        uint16_t salt_size;
        uint8_t padding[6];
        uint8_t salt[256];
        uint8_t rest[168];
} __attribute__((packed));

static bool is_block_size(uint32_t size)
{
        return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

static bool is_algorithm(const char *text, size_t size)
{
        size_t length = strnlen(text, size);

        for (size_t i = 0; i < length; i++) {
                if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
                    text[i] != '-') {
                        return false;
                }
        }
        return length > 0 && length < size;
}

static bool is_sound(const struct superblock *block)
{
        return memcmp(block->signature, "verity\0\0", sizeof block->signature) == 0 &&
               block->version == 1 && block->hash_type <= 1 &&
               is_algorithm(block->algorithm, sizeof block->algorithm) &&
               is_block_size(block->data_block_size) && is_block_size(block->hash_block_size) &&
               block->data_blocks > 0 && block->data_blocks < UINT64_MAX >> 17 &&
               block->salt_size <= sizeof block->salt;
}

static void write_hex(const uint8_t *bytes, size_t count, char *ret)
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < count; i++) {
                *ret++ = digits[bytes[i] >> 4];
                *ret++ = digits[bytes[i] & 15];
        }
        *ret = '\0';
}

int disk_read_tree(int fd, uint64_t offset, struct disk_tree *ret)
{
        struct superblock block;

        if (pread(fd, &block, sizeof block, (off_t)offset) != (ssize_t)sizeof block ||
            !is_sound(&block)) {
                return -EBADMSG;
        }
        *ret = (struct disk_tree){
                .hash_type = block.hash_type,
                .data_block_size = block.data_block_size,
                .hash_block_size = block.hash_block_size,
                .data_blocks = block.data_blocks,
                /* The tree begins in the block after the superblock. */
                .hash_start =
                        (offset + sizeof block + block.hash_block_size - 1) / block.hash_block_size,
        };
        memcpy(ret->algorithm, block.algorithm, sizeof ret->algorithm);
        write_hex(block.salt, block.salt_size, ret->salt);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/disk/verity.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

/* Signatures of root hashes, where an image keeps them. */

/* Of the JSON in a signature partition. */
#define PARTITION_MAXIMUM (1u << 20)

void disk_signature_clear(struct disk_signature *signature)
{
        free(signature->data);
        free(signature->origin);
        *signature = (struct disk_signature){ 0 };
}

void disk_signed_hash_clear(struct disk_signed_hash *signed_hash)
{
        free(signed_hash->root_hash);
        disk_signature_clear(&signed_hash->signature);
        *signed_hash = (struct disk_signed_hash){ 0 };
}

/* ---- A signature partition ---- */

static int digit_of(char letter)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = letter ? strchr(digits, letter) : NULL;

        return at ? (int)(at - digits) : -1;
}

/* Base64 (RFC 4648); the padding may be missing. */
static int decode(const char *text, struct disk_signature *ret)
{
        size_t length = strcspn(text, "="), padding = strlen(text + length);
        unsigned int bits = 0, count = 0;

        if (padding > 2 || strspn(text + length, "=") != padding || length % 4 == 1 ||
            length / 4 * 3 > DISK_SIGNATURE_MAXIMUM) {
                return -EBADMSG;
        }
        ret->data = calloc(1, length / 4 * 3 + 3);
        if (!ret->data) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < length; i++) {
                int digit = digit_of(text[i]);

                if (digit < 0) {
                        return -EBADMSG;
                }
                bits = (bits << 6 | (unsigned int)digit) & 0xffff;
                count += 6;
                if (count >= 8) {
                        count -= 8;
                        ret->data[ret->size++] = (char)(bits >> count);
                }
        }
        return ret->size > 0 ? 0 : -EBADMSG;
}

static int take(const json_t *object, struct disk_signed_hash *ret)
{
        const char *hash = json_get_string(object, "rootHash");
        const json_t *signature = json_object_get(object, "signature");
        int r = 0;

        if (!hash || !disk_is_root_hash(hash)) {
                return -EBADMSG;
        }
        ret->root_hash = strdup(hash);
        if (!ret->root_hash) {
                return -ENOMEM;
        }
        for (char *digit = ret->root_hash; *digit; digit++) {
                *digit = (char)tolower((unsigned char)*digit);
        }
        if (signature) {
                r = json_is_string(signature)
                            ? decode(json_string_value(signature), &ret->signature)
                            : -EBADMSG;
        }
        return r;
}

int disk_parse_signed_hash(const char *text, struct disk_signed_hash *ret)
{
        _cleanup_json_ json_t *json = json_loads(text, 0, NULL);

        *ret = (struct disk_signed_hash){ 0 };
        return take(json, ret);
}

/* JSON, followed by zeros (the Discoverable Partitions Specification, "Verity signature"). */
static int read_partition(const struct disk_image *image, int fd,
                          const struct disk_partition *partition, struct disk_signed_hash *ret,
                          struct machine_error *error)
{
        size_t size =
                partition->size < PARTITION_MAXIMUM ? (size_t)partition->size : PARTITION_MAXIMUM;
        _cleanup_free_ char *text = calloc(1, size + 1);
        int r;

        if (!text) {
                return error_oom(error);
        }
        if (pread(fd, text, size, (off_t)partition->offset) < 0) {
                return error_set(error, errno, "cannot read partition %u of the image \"%s\"",
                                 partition->number, image->path);
        }
        r = disk_parse_signed_hash(text, ret);
        if (r == -EBADMSG) {
                error_say(error, EBADMSG,
                          "partition %u (%s) of the image \"%s\" is damaged: it is to contain a "
                          "root hash and its signature as JSON",
                          partition->number, disk_role_name(partition->role, partition->part),
                          image->path);
                error_hint(error, "get the image again, or give the partition the flag \"no-auto\" "
                                  "(bit 63): \"sfdisk --part-attrs\"");
        }
        return r;
}

static bool is_usable(const struct disk_partition *partition)
{
        return partition->part == DISK_SIGNATURE && partition->architecture &&
               !(partition->flags & DISK_NO_AUTO) &&
               string_equal(partition->architecture, disk_own_architecture());
}

/* Whether a signature partition comes before another: as in choosing, the newer. */
static bool is_newer(const struct disk_partition *one, const struct disk_partition *other)
{
        return one->role == other->role &&
               disk_compare_versions(one->label ? one->label : "",
                                     other->label ? other->label : "") > 0;
}

int disk_find_signed_hash(const struct disk_image *image, int fd, char **ret,
                          struct machine_error *error)
{
        const struct disk_partition *found = NULL;
        struct disk_signed_hash signed_hash = { 0 };
        int r;

        for (size_t i = 0; i < image->count; i++) {
                const struct disk_partition *partition = &image->partitions[i];

                if (is_usable(partition) && (!found || is_newer(partition, found))) {
                        found = partition;
                }
        }
        if (!found) {
                return 0;
        }
        r = read_partition(image, fd, found, &signed_hash, error);
        if (r == 0) {
                *ret = TAKE_PTR(signed_hash.root_hash);
        }
        disk_signed_hash_clear(&signed_hash);
        return r;
}

static int find_in_partitions(const struct disk_image *image, int fd, const char *root_hash,
                              struct disk_signature *ret, struct machine_error *error)
{
        int r = 0;

        for (size_t i = 0; r == 0 && !ret->data && i < image->count; i++) {
                const struct disk_partition *partition = &image->partitions[i];
                struct disk_signed_hash signed_hash = { 0 };

                if (!is_usable(partition)) {
                        continue;
                }
                r = read_partition(image, fd, partition, &signed_hash, error);
                if (r == 0 && string_equal(signed_hash.root_hash, root_hash) &&
                    signed_hash.signature.data) {
                        *ret = signed_hash.signature;
                        signed_hash.signature = (struct disk_signature){ 0 };
                        ret->origin = string_format(
                                "partition %u (%s) of the image \"%s\"", partition->number,
                                disk_role_name(partition->role, partition->part), image->path);
                        r = ret->origin ? 0 : error_oom(error);
                }
                disk_signed_hash_clear(&signed_hash);
        }
        return r;
}

/* ---- A file ---- */

static int read_file(const char *path, struct disk_signature *ret, struct machine_error *error)
{
        int r = file_read(AT_FDCWD, path, DISK_SIGNATURE_MAXIMUM, &ret->data, &ret->size);

        if (r < 0) {
                return file_explain(r, "the signature of the root hash,", path, error);
        }
        if (ret->size == 0) {
                error_say(error, EBADMSG, "the signature of the root hash, \"%s\", is empty", path);
                return -EBADMSG;
        }
        ret->origin = string_format("the file \"%s\"", path);
        return ret->origin ? 0 : error_oom(error);
}

int disk_find_signature(const struct disk_image *image, int fd, const char *root_hash,
                        const char *path, struct disk_signature *ret, struct machine_error *error)
{
        _cleanup_free_ char *beside = NULL;

        *ret = (struct disk_signature){ 0 };
        if (path) {
                return read_file(path, ret, error);
        }
        beside = disk_beside(image->path, ".roothash.p7s");
        if (!beside) {
                return error_oom(error);
        }
        return access(beside, F_OK) == 0 ? read_file(beside, ret, error)
                                         : find_in_partitions(image, fd, root_hash, ret, error);
}

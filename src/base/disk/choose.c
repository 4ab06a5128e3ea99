/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/disk/disk.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/disk/types.h"
#include "base/error.h"
#include "base/strings.h"

/* The partitions that a root hash names: half of it each is their UUID (the Discoverable Partitions
 * Specification, "Verity"). */
struct named {
        char data[37];
        char verity[37];
};

#define UUID_DIGITS 32

static void write_uuid(const char *digits, char ret[static 37])
{
        size_t at = 0;

        for (size_t i = 0; i < UUID_DIGITS; i++) {
                if (i == 8 || i == 12 || i == 16 || i == 20) {
                        ret[at++] = '-';
                }
                ret[at++] = (char)tolower((unsigned char)digits[i]);
        }
        ret[at] = '\0';
}

static bool find_names(const char *root_hash, struct named *ret)
{
        size_t length = root_hash ? strlen(root_hash) : 0;

        if (length < 2 * UUID_DIGITS) {
                return false;
        }
        write_uuid(root_hash, ret->data);
        write_uuid(root_hash + length - UUID_DIGITS, ret->verity);
        return true;
}

bool disk_has_hash(const struct disk_partition *partition, const char *root_hash)
{
        struct named named;

        return find_names(root_hash, &named) && strcasecmp(partition->id, named.data) == 0;
}

static bool is_candidate(const struct disk_partition *partition)
{
        return disk_place(partition->role) && !(partition->flags & DISK_NO_AUTO) &&
               !string_equal(partition->label, "_empty") &&
               (!partition->architecture ||
                string_equal(partition->architecture, disk_own_architecture()));
}

static const struct disk_partition **place_of(struct disk_choice *choice,
                                              const struct disk_partition *partition)
{
        switch (partition->part) {
        case DISK_VERITY:
                return &choice->verity[partition->role];
        case DISK_SIGNATURE:
                return &choice->signature[partition->role];
        default:
                return &choice->data[partition->role];
        }
}

static int refuse_two(const struct disk_image *image, const struct disk_partition *one,
                      const struct disk_partition *other, struct machine_error *error)
{
        error_say(error, ENOTUNIQ, "partitions %u and %u of the image \"%s\" are both for %s%s",
                  one->number, other->number, image->path, disk_role_name(one->role, one->part),
                  one->architecture ? ", and their labels do not say which is newer" : "");
        error_hint(error, one->architecture
                                  ? "label them with versions, or give one the flag \"no-auto\" "
                                    "(bit 63): \"sfdisk --part-label\", \"sfdisk --part-attrs\""
                                  : "give one the flag \"no-auto\" (bit 63): \"sfdisk "
                                    "--part-attrs\"");
        return -ENOTUNIQ;
}

/* Which of two candidates for one place is taken. */
static int take_newer(const struct disk_image *image, const struct disk_partition **place,
                      const struct disk_partition *other, struct machine_error *error)
{
        const struct disk_partition *one = *place;
        int order = 0;

        if (one->architecture) {
                order = disk_compare_versions(one->label ? one->label : "",
                                              other->label ? other->label : "");
        }
        if (order == 0) {
                return refuse_two(image, one, other, error);
        }
        if (order < 0) {
                *place = other;
        }
        return 0;
}

/* A root hash excludes all other data and trees of the place that it is for. */
static bool is_excluded(const struct disk_image *image, const struct named *named,
                        const struct disk_partition *partition)
{
        if (!named || partition->part == DISK_SIGNATURE || !partition->architecture) {
                return false;
        }
        for (size_t i = 0; i < image->count; i++) {
                const struct disk_partition *other = &image->partitions[i];

                if (other->part == DISK_DATA && strcasecmp(other->id, named->data) == 0) {
                        return other->role == partition->role &&
                               strcasecmp(partition->id, partition->part == DISK_DATA
                                                                 ? named->data
                                                                 : named->verity) != 0;
                }
        }
        return false;
}

static int refuse_none(const struct disk_image *image, struct machine_error *error)
{
        const struct disk_partition *foreign = NULL;

        for (size_t i = 0; i < image->count; i++) {
                const struct disk_partition *partition = &image->partitions[i];

                if (partition->architecture && partition->part == DISK_DATA &&
                    !string_equal(partition->architecture, disk_own_architecture())) {
                        foreign = partition;
                }
        }
        if (foreign) {
                error_say(error, ENOEXEC,
                          "the image \"%s\" is for another processor: its partition %u is %s for "
                          "%s, and this host is %s",
                          image->path, foreign->number, disk_role_name(foreign->role, DISK_DATA),
                          foreign->architecture, disk_own_architecture());
                error_hint(error, "get or build the image for %s", disk_own_architecture());
                return -ENOEXEC;
        }
        error_say(error, ENOENT, "the image \"%s\" has no partition for root or usr", image->path);
        error_hint(error,
                   "the type of a partition says what it is for (the Discoverable Partitions "
                   "Specification): \"sfdisk --part-type\" sets it; image-status shows the types");
        return -ENOENT;
}

int disk_choose(const struct disk_image *image, const char *root_hash, struct disk_choice *ret,
                struct machine_error *error)
{
        struct disk_choice choice = { 0 };
        struct named storage, *named = find_names(root_hash, &storage) ? &storage : NULL;

        for (size_t i = 0; i < image->count; i++) {
                const struct disk_partition *partition = &image->partitions[i];
                const struct disk_partition **place;
                int r;

                if (!is_candidate(partition) || is_excluded(image, named, partition)) {
                        continue;
                }
                place = place_of(&choice, partition);
                if (!*place) {
                        *place = partition;
                        continue;
                }
                r = take_newer(image, place, partition, error);
                if (r < 0) {
                        return r;
                }
        }
        if (!choice.data[DISK_ROOT] && !choice.data[DISK_USR]) {
                return refuse_none(image, error);
        }
        *ret = choice;
        return 0;
}

enum disk_role disk_covered_role(const struct disk_choice *choice, const char *root_hash)
{
        for (int role = DISK_ROOT; role <= DISK_USR; role++) {
                if (choice->data[role] && disk_has_hash(choice->data[role], root_hash)) {
                        return (enum disk_role)role;
                }
        }
        return choice->data[DISK_ROOT] ? DISK_ROOT : DISK_USR;
}

bool disk_is_writable(const struct disk_image *image, const char *root_hash)
{
        struct disk_choice choice;

        if (!image->has_table) {
                return !root_hash && disk_type_is_writable(image->content.type);
        }
        if (disk_choose(image, root_hash, &choice, NULL) < 0) {
                return false;
        }
        for (int role = 0; role < DISK_ROLES; role++) {
                const struct disk_partition *partition = choice.data[role];

                if (partition && !(partition->flags & DISK_READ_ONLY) &&
                    !(root_hash && role == (int)disk_covered_role(&choice, root_hash)) &&
                    disk_type_is_writable(partition->content.type)) {
                        return true;
                }
        }
        return false;
}

int disk_check_content(const struct disk_image *image, const struct disk_partition *partition,
                       struct machine_error *error)
{
        const struct disk_content *content = partition ? &partition->content : &image->content;
        _cleanup_free_ char *where =
                partition
                        ? string_format("partition %u (%s) of the image \"%s\"", partition->number,
                                        disk_role_name(partition->role, partition->part),
                                        image->path)
                        : string_format("the image \"%s\"", image->path);

        if (!where) {
                return error_oom(error);
        }
        if (disk_type_is_known(content->type)) {
                return 0;
        }
        if (string_equal(content->type, "crypto_LUKS")) {
                error_say(error, EOPNOTSUPP,
                          "%s is encrypted with LUKS, which machines do not "
                          "support",
                          where);
                error_hint(error, "open it on the host (\"cryptsetup open\"), and name the block "
                                  "device below /dev/mapper");
                return -EOPNOTSUPP;
        }
        if (!content->type) {
                error_say(error, EOPNOTSUPP, "%s has no file system that is known", where);
        } else {
                error_say(error, EOPNOTSUPP, "%s contains %s, which machines are not made from",
                          where, content->type);
        }
        error_hint(error, "use erofs, squashfs, ext4, xfs or btrfs");
        return -EOPNOTSUPP;
}

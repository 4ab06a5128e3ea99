/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/disk/table.h"

#include <blkid/blkid.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/disk/types.h"
#include "base/error.h"
#include "base/strings.h"

DEFINE_CLEANUP(blkid_probe, blkid_free_probe, cleanup_probe)
#define _cleanup_probe_ _cleanup_(cleanup_probe)

/* The header of a GPT (UEFI specification, "GPT Header"), as far as it is read here. */
struct header {
        char signature[8];
        uint32_t revision, size, checksum, reserved;
        uint64_t own, alternate; /* addresses in sectors: of this header, of the other one at the
                                    end */
} __attribute__((packed));

/* A table does not say how large its sectors are: they are as large as its place tells. */
static uint32_t find_sector_size(int fd, struct header *ret)
{
        for (uint32_t size = 512; size <= 4096; size *= 2) {
                if (pread(fd, ret, sizeof *ret, size) == (ssize_t)sizeof *ret &&
                    memcmp(ret->signature, "EFI PART", sizeof ret->signature) == 0) {
                        return size;
                }
        }
        return 0;
}

static int check_length(const struct disk_image *image, const struct header *header,
                        struct machine_error *error)
{
        uint64_t last = le64toh(header->alternate);
        uint64_t sectors = image->size / image->sector_size;

        if (last < sectors) {
                return 0;
        }
        error_say(error, EINVAL,
                  "the image \"%s\" is shorter than its partition table says: it has %llu sectors "
                  "of %u bytes, and the table ends in sector %llu",
                  image->path, (unsigned long long)sectors, image->sector_size,
                  (unsigned long long)last);
        error_hint(error, "it was copied incompletely: copy it again");
        return -EINVAL;
}

static int refuse_kind(const struct disk_image *image, const char *kind,
                       struct machine_error *error)
{
        error_say(error, EMEDIUMTYPE, "the image \"%s\" has a partition table of the kind \"%s\"",
                  image->path, kind);
        error_hint(error, "machines need a GPT, or one file system without a table: \"sfdisk "
                          "--label-nested gpt\", systemd-repart and mkosi make tables");
        return -EMEDIUMTYPE;
}

static int read_partition(blkid_partition from, const struct disk_image *image,
                          struct disk_partition *to)
{
        const char *type = blkid_partition_get_type_string(from);
        const char *id = blkid_partition_get_uuid(from);
        const char *label = blkid_partition_get_name(from);
        blkid_loff_t start = blkid_partition_get_start(from), size = blkid_partition_get_size(from);
        const uint64_t limit = image->size / 512;

        /* The library counts in units of 512 bytes. */
        if (start < 0 || size <= 0 || (uint64_t)start >= limit ||
            (uint64_t)size > limit - (uint64_t)start) {
                return -ERANGE;
        }
        *to = (struct disk_partition){
                .number = (unsigned int)blkid_partition_get_partno(from),
                .offset = (uint64_t)start * 512,
                .size = (uint64_t)size * 512,
                .flags = blkid_partition_get_flags(from),
        };
        snprintf(to->type_id, sizeof to->type_id, "%s", type ? type : "");
        snprintf(to->id, sizeof to->id, "%s", id ? id : "");
        if (label && label[0]) {
                to->label = strdup(label);
                if (!to->label) {
                        return -ENOMEM;
                }
        }
        disk_set_role(to);
        return 0;
}

static int read_partitions(blkid_partlist list, struct disk_image *image,
                           struct machine_error *error)
{
        int count = blkid_partlist_numof_partitions(list);

        image->partitions = calloc((size_t)(count > 0 ? count : 0) + 1, sizeof *image->partitions);
        if (!image->partitions) {
                return error_oom(error);
        }
        for (int i = 0; i < count; i++) {
                blkid_partition from = blkid_partlist_get_partition(list, i);
                int r = from ? read_partition(from, image, &image->partitions[image->count]) : -EIO;

                if (r == -ERANGE) {
                        error_say(error, EINVAL,
                                  "partition %d of the image \"%s\" ends behind the image",
                                  blkid_partition_get_partno(from), image->path);
                        error_hint(error, "it was copied incompletely: copy it again");
                        return -EINVAL;
                }
                if (r < 0) {
                        return error_set(error, r, "cannot read the partition table of \"%s\"",
                                         image->path);
                }
                image->count++;
        }
        return 0;
}

static int read_gpt(blkid_probe probe, struct disk_image *image, struct machine_error *error)
{
        blkid_partlist list = blkid_probe_get_partitions(probe);
        blkid_parttable table = list ? blkid_partlist_get_table(list) : NULL;
        const char *id = table ? blkid_parttable_get_id(table) : NULL;

        if (!list) {
                return error_say(error, EIO, "cannot read the partition table of \"%s\"",
                                 image->path);
        }
        snprintf(image->id, sizeof image->id, "%s", id ? id : "");
        image->has_table = true;
        return read_partitions(list, image, error);
}

static int refuse_damaged(const struct disk_image *image, struct machine_error *error)
{
        error_say(error, EINVAL, "the partition table (GPT) of the image \"%s\" is damaged",
                  image->path);
        error_hint(error, "\"sfdisk --verify\" shows what is wrong; gdisk(8) repairs it from the "
                          "copy at its end");
        return -EINVAL;
}

/* What the probing of a whole image for tables has found. */
static int take_table(blkid_probe probe, int found, bool header, struct disk_image *image,
                      struct machine_error *error)
{
        const char *kind = NULL;

        if (found == 0) {
                (void)blkid_probe_lookup_value(probe, "PTTYPE", &kind, NULL);
        }
        if (string_equal(kind, "gpt")) {
                return read_gpt(probe, image, error);
        }
        if (header) {
                return refuse_damaged(image, error);
        }
        /* The beginning of some file systems has the mark of a table. */
        if (!kind || blkid_probe_has_value(probe, "TYPE")) {
                return 0;
        }
        return refuse_kind(image, kind, error);
}

static int probe_table(int fd, bool header, struct disk_image *image, struct machine_error *error)
{
        _cleanup_probe_ blkid_probe probe = blkid_new_probe();

        if (!probe) {
                return error_oom(error);
        }
        if (blkid_probe_set_device(probe, fd, 0, 0) < 0 ||
            (header && blkid_probe_set_sectorsize(probe, image->sector_size) < 0) ||
            blkid_probe_enable_superblocks(probe, header ? 0 : 1) < 0 ||
            blkid_probe_enable_partitions(probe, 1) < 0 ||
            blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS) < 0) {
                return error_say(error, EIO, "cannot read the image \"%s\"", image->path);
        }
        return take_table(probe, blkid_do_safeprobe(probe), header, image, error);
}

int disk_read_table(int fd, struct disk_image *image, struct machine_error *error)
{
        struct header header;
        int r = 0;

        image->sector_size = find_sector_size(fd, &header);
        if (image->sector_size > 0) {
                r = check_length(image, &header, error);
        }
        return r < 0 ? r : probe_table(fd, image->sector_size > 0, image, error);
}

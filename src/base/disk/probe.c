/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/disk/disk.h"

#include <blkid/blkid.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/disk/table.h"
#include "base/error.h"
#include "base/strings.h"

DEFINE_CLEANUP(blkid_probe, blkid_free_probe, cleanup_probe)
#define _cleanup_probe_ _cleanup_(cleanup_probe)

/* ---- What a superblock says of its own size ---- */

static uint64_t little(const unsigned char *bytes, size_t count)
{
        uint64_t number = 0;

        while (count > 0) {
                number = number << 8 | bytes[--count];
        }
        return number;
}

static void read_squashfs(const unsigned char *block, struct disk_content *content)
{
        content->block_size = (uint32_t)little(block + 12, 4);
        content->size = little(block + 40, 8);
}

static void read_erofs(const unsigned char *block, struct disk_content *content)
{
        unsigned int bits = block[12];

        if (bits >= 9 && bits <= 16) {
                content->block_size = 1u << bits;
                content->size = little(block + 36, 4) << bits;
        }
}

static void read_ext4(const unsigned char *block, struct disk_content *content)
{
        const uint64_t incompat_64bit = 0x80;
        unsigned int bits = (unsigned int)little(block + 24, 4) + 10;
        uint64_t count = little(block + 4, 4);

        if (little(block + 96, 4) & incompat_64bit) {
                count |= little(block + 336, 4) << 32;
        }
        if (bits <= 16 && count < UINT64_MAX >> bits) {
                content->block_size = 1u << bits;
                content->size = count << bits;
        }
}

/* Offsets in bytes, from the kernel's headers of each. */
static const struct {
        const char *type;
        off_t offset;
        void (*read)(const unsigned char *block, struct disk_content *content);
} superblocks[] = {
        { "squashfs", 0, read_squashfs },
        { "erofs", 1024, read_erofs },
        { "ext4", 1024, read_ext4 },
};

static void read_superblock(int fd, uint64_t offset, struct disk_content *content)
{
        unsigned char block[512];

        for (size_t i = 0; i < ELEMENTS_OF(superblocks); i++) {
                if (string_equal(superblocks[i].type, content->type) &&
                    pread(fd, block, sizeof block, (off_t)offset + superblocks[i].offset) ==
                            (ssize_t)sizeof block) {
                        superblocks[i].read(block, content);
                }
        }
}

/* ---- Probing ---- */

static int copy_value(blkid_probe probe, const char *name, char **ret)
{
        const char *value;

        if (blkid_probe_lookup_value(probe, name, &value, NULL) < 0 || !value[0]) {
                return 0;
        }
        *ret = strdup(value);
        return *ret ? 0 : -ENOMEM;
}

static int copy_content(blkid_probe probe, struct disk_content *ret)
{
        const char *usage;

        if (blkid_probe_lookup_value(probe, "USAGE", &usage, NULL) == 0) {
                ret->file_system = string_equal(usage, "filesystem");
        }
        return copy_value(probe, "TYPE", &ret->type) < 0 ||
                               copy_value(probe, "UUID", &ret->id) < 0 ||
                               copy_value(probe, "LABEL", &ret->label) < 0
                       ? -ENOMEM
                       : 0;
}

/* Of what is at an offset: 1 if there is something, 0, -ENOTUNIQ if it is of more than one kind,
 * or another -errno. */
static int probe_part(int fd, uint64_t offset, uint64_t size, struct disk_content *ret)
{
        _cleanup_probe_ blkid_probe probe = blkid_new_probe();
        int r;

        if (!probe) {
                return -ENOMEM;
        }
        errno = 0;
        if (blkid_probe_set_device(probe, fd, (blkid_loff_t)offset, (blkid_loff_t)size) < 0 ||
            blkid_probe_enable_superblocks(probe, 1) < 0 ||
            blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
                                                             BLKID_SUBLKS_UUID |
                                                             BLKID_SUBLKS_LABEL) < 0) {
                return errno ? -errno : -EIO;
        }
        r = blkid_do_safeprobe(probe);
        if (r < 0) {
                return r == -2 ? -ENOTUNIQ : errno ? -errno : -EIO;
        }
        if (r > 0) {
                return 0;
        }
        r = copy_content(probe, ret);
        if (r == 0) {
                read_superblock(fd, offset, ret);
        }
        return r < 0 ? r : ret->type != NULL;
}

static int refuse_ambiguous(const char *path, const struct disk_partition *partition,
                            struct machine_error *error)
{
        _cleanup_free_ char *where = partition ? string_format("partition %u of the image \"%s\"",
                                                               partition->number, path)
                                               : string_format("the image \"%s\"", path);

        error_say(error, ENOTUNIQ, "%s has the marks of more than one file system",
                  where ? where : path);
        error_hint(error, "an earlier one was not erased: wipefs(8) shows and removes the marks");
        return -ENOTUNIQ;
}

static int probe_partitions(int fd, struct disk_image *image, struct machine_error *error)
{
        for (size_t i = 0; i < image->count; i++) {
                struct disk_partition *partition = &image->partitions[i];
                int r = probe_part(fd, partition->offset, partition->size, &partition->content);

                if (r == -ENOTUNIQ) {
                        return refuse_ambiguous(image->path, partition, error);
                }
                if (r < 0) {
                        return error_set(error, r, "cannot read partition %u of the image \"%s\"",
                                         partition->number, image->path);
                }
        }
        return 0;
}

static int refuse_short(const struct disk_image *image, struct machine_error *error)
{
        error_say(error, EINVAL,
                  "the image \"%s\" is damaged: its %s needs %llu bytes, and it has %llu",
                  image->path, image->content.type, (unsigned long long)image->content.size,
                  (unsigned long long)image->size);
        error_hint(error, "it was copied incompletely: copy it again");
        return -EINVAL;
}

static int probe_file_system(int fd, struct disk_image *image, struct machine_error *error)
{
        int r = probe_part(fd, 0, 0, &image->content);

        if (r == -ENOTUNIQ) {
                return refuse_ambiguous(image->path, NULL, error);
        }
        if (r < 0) {
                return error_set(error, r, "cannot read the image \"%s\"", image->path);
        }
        if (r == 0) {
                error_say(error, EMEDIUMTYPE,
                          "\"%s\" is not a directory, and no disk image: it has neither a "
                          "partition table (GPT) nor a file system that is known",
                          image->path);
                error_hint(error, "compressed images have to be unpacked, and those of virtual "
                                  "machines converted (\"qemu-img convert -O raw\")");
                return -EMEDIUMTYPE;
        }
        return image->content.size > image->size ? refuse_short(image, error) : 0;
}

static int read_size(int fd, const char *path, struct disk_image *image,
                     struct machine_error *error)
{
        struct stat info;

        if (fstat(fd, &info) < 0) {
                return error_set(error, errno, "cannot stat the image \"%s\"", path);
        }
        image->block_device = S_ISBLK(info.st_mode);
        image->size = (uint64_t)info.st_size;
        if (image->block_device && ioctl(fd, BLKGETSIZE64, &image->size) < 0) {
                return error_set(error, errno, "cannot read the size of the device \"%s\"", path);
        }
        return 0;
}

int disk_probe(int fd, const char *path, struct disk_image *ret, struct machine_error *error)
{
        _cleanup_disk_image_ struct disk_image image = { .path = strdup(path) };
        int r = image.path ? read_size(fd, path, &image, error) : error_oom(error);

        if (r == 0) {
                r = disk_read_table(fd, &image, error);
        }
        if (r == 0) {
                r = image.has_table ? probe_partitions(fd, &image, error)
                                    : probe_file_system(fd, &image, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = image;
        image = (struct disk_image){ 0 };
        return 0;
}

static void clear_content(struct disk_content *content)
{
        free(content->type);
        free(content->id);
        free(content->label);
}

void disk_clear(struct disk_image *image)
{
        for (size_t i = 0; i < image->count; i++) {
                free(image->partitions[i].label);
                clear_content(&image->partitions[i].content);
        }
        free(image->partitions);
        free(image->path);
        clear_content(&image->content);
        *image = (struct disk_image){ 0 };
}

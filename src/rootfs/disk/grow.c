/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "base/tool/tool.h"
#include "rootfs/disk/disk.h"

/* The second copy of the table at the end of an image: 32 sectors of entries and a header. */
#define TABLE_SECTORS 33
#define SECTOR        512

/* Where partitions end, and what is not worth growing for. */
#define ALIGNMENT 4096
#define WORTH     (UINT64_C(1) << 20)

static const struct tool sfdisk = { "sfdisk", "fdisk" };

static int refuse(const struct disk_source *source, const char *reason, const char *hint,
                  struct machine_error *error)
{
        char size[32];

        quantity_format_size_exact(source->request->size, size);
        error_say(error, EINVAL, "the image \"%s\" cannot grow to %s: %s", source->image->path,
                  size, reason);
        error_hint(error, "%s", hint);
        return -EINVAL;
}

/* The partition of the root. */
static const struct disk_partition *find_root(const struct disk_image *image,
                                              struct machine_error *error)
{
        struct disk_choice choice;

        if (disk_choose(image, NULL, &choice, error) < 0) {
                return NULL;
        }
        return choice.data[DISK_ROOT] ? choice.data[DISK_ROOT] : choice.data[DISK_USR];
}

static const struct disk_partition *find_after(const struct disk_image *image,
                                               const struct disk_partition *partition)
{
        for (size_t i = 0; i < image->count; i++) {
                if (image->partitions[i].offset > partition->offset) {
                        return &image->partitions[i];
                }
        }
        return NULL;
}

static int check_partition(const struct disk_source *source, const struct disk_partition *partition,
                           struct machine_error *error)
{
        const struct disk_partition *after = find_after(source->image, partition);
        _cleanup_free_ char *reason = NULL;

        if (!disk_is_written(source, partition)) {
                return refuse(source, "its root is read-only", "leave out \"size\"", error);
        }
        if (after) {
                reason = string_format("partition %u (%s) is behind that of the root",
                                       after->number, disk_role_name(after->role, after->part));
                return reason ? refuse(source, reason,
                                       "move it away with sfdisk(8), or leave out \"size\"", error)
                              : error_oom(error);
        }
        if (source->image->sector_size != SECTOR) {
                return refuse(source, "the sectors of its partition table are not of 512 bytes",
                              "grow the partition by hand, and leave out \"size\"", error);
        }
        return 0;
}

/* sfdisk(8) also moves the second copy of the table to the new end. */
static int grow_partition(const struct disk_source *source, const struct disk_partition *partition,
                          uint64_t end, struct machine_error *error)
{
        const struct tool_file files[] = {
                { .name = "image", .fd = source->fd, .writable = true },
                { .name = NULL },
        };
        _cleanup_free_ char *number = string_format("%u", partition->number);
        _cleanup_free_ char *script =
                string_format(", %" PRIu64 "\n", (end - partition->offset) / SECTOR);
        static const char image[] = TOOL_PLACE "/image";
        const char *const arguments[] = { "--quiet",  "--no-reread", "--no-tell-kernel",
                                          "--partno", number,        "--wipe=never",
                                          image,      NULL };
        const struct tool_run run = { &sfdisk, arguments, NULL, script, files };
        int r = number && script ? tool_succeed(&run, NULL, error) : error_oom(error);

        if (r < 0) {
                _cleanup_free_ char *name = disk_name_of(source, partition);

                error_prefix(error, "cannot grow %s", name ? name : "a partition");
        }
        return r;
}

static int grow_file(const struct disk_source *source, struct machine_error *error)
{
        uint64_t size = source->request->size;

        if (source->image->size >= size) {
                return 0;
        }
        if (source->image->block_device) {
                return refuse(source, "the device is smaller",
                              "make the device larger, or leave out \"size\"", error);
        }
        return ftruncate(source->fd, (off_t)size) < 0
                       ? error_set(error, errno, "cannot make the image \"%s\" larger",
                                   source->image->path)
                       : 0;
}

/* An earlier start may have been killed after it had made the file larger. */
static int grow_table(const struct disk_source *source, struct machine_error *error)
{
        static const struct tool *const tools[] = { &sfdisk, NULL };
        const struct disk_image *image = source->image;
        const struct disk_partition *partition = find_root(image, error);
        uint64_t size = image->size > source->request->size ? image->size : source->request->size;
        uint64_t end = (size - TABLE_SECTORS * SECTOR) / ALIGNMENT * ALIGNMENT;
        int r;

        if (!partition) {
                return -EINVAL;
        }
        if (partition->offset + partition->size + WORTH > end ||
            (image->size == size && find_after(image, partition))) {
                return 0;
        }
        r = check_partition(source, partition, error);
        if (r == 0 && image->block_device) {
                r = refuse(source, "partitions of devices are not made larger",
                           "grow the partition by hand, and leave out \"size\"", error);
        }
        if (r == 0) {
                r = tool_check(tools, "make the partition larger", error);
        }
        if (r == 0) {
                r = grow_file(source, error);
        }
        if (r == 0) {
                r = grow_partition(source, partition, end, error);
        }
        return r < 0 ? r : 1;
}

int disk_grow(const struct disk_source *source, struct machine_error *error)
{
        const struct disk_image *image = source->image;
        int r;

        if (source->request->size == MACHINE_UNSET) {
                return 0;
        }
        if (!source->write) {
                return refuse(source, "nothing in it can be written to", "leave out \"size\"",
                              error);
        }
        if (image->has_table) {
                return grow_table(source, error);
        }
        r = grow_file(source, error);
        return r < 0 ? r : image->size < source->request->size;
}

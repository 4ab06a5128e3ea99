/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/disk/table.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/disk/disk.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tool/tool.h"

#define SECTOR             512
#define ALIGNMENT          (UINT64_C(1) << 20)
#define PARTITIONS_MAXIMUM 2

struct placed {
        const struct part *content;
        enum disk_part part;
        uint64_t offset;
        uint64_t size;
        uuid_text id;
};

struct layout {
        struct placed partitions[PARTITIONS_MAXIMUM];
        size_t count;
        uint64_t end;
};

static uint64_t align(uint64_t number)
{
        return (number + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int place(struct layout *layout, const struct part *content, enum disk_part part)
{
        struct placed *placed = &layout->partitions[layout->count];
        int r = part_size(content, &placed->size);

        if (r < 0) {
                return r;
        }
        placed->content = content;
        placed->part = part;
        placed->offset = layout->end;
        placed->size = (placed->size + SECTOR - 1) / SECTOR * SECTOR;
        layout->end = align(placed->offset + placed->size);
        layout->count++;
        return 0;
}

/* "The UUID of the root partition is the first 128 bits of the root hash, that of the hash tree the
 * last" (UAPI.2): so one finds the other, and both are found by the hash. */
static int name_partitions(struct layout *layout, const struct table_content *content,
                           const struct fingerprint *fingerprint)
{
        if (!content->tree) {
                return fingerprint_derive(fingerprint, "root", layout->partitions[0].id);
        }
        uuid_format(content->root_hash, layout->partitions[0].id);
        uuid_format(content->root_hash + DIGEST_HEX_LENGTH / 2, layout->partitions[1].id);
        return 0;
}

/* A script of sfdisk(8). */
static char *write_script(const struct layout *layout, const char *architecture, const char *id)
{
        char *script =
                string_format("label: gpt\nlabel-id: %s\nunit: sectors\nfirst-lba: %" PRIu64 "\n",
                              id, (uint64_t)(ALIGNMENT / SECTOR));

        for (size_t i = 0; script && i < layout->count; i++) {
                const struct placed *placed = &layout->partitions[i];
                char *longer = string_format(
                        "%sstart=%" PRIu64 ", size=%" PRIu64
                        ", type=%s, uuid=%s, name=\"root-%s%s\", attrs=\"GUID:60\"\n",
                        script, placed->offset / SECTOR, placed->size / SECTOR,
                        disk_type_of(DISK_ROOT, placed->part, architecture), placed->id,
                        architecture, placed->part == DISK_VERITY ? "-verity" : "");

                free(script);
                script = longer;
        }
        return script;
}

static int write_table(const struct layout *layout, const struct table_content *content,
                       const struct fingerprint *fingerprint, const struct part *target,
                       struct machine_error *error)
{
        static const struct tool tool = { "sfdisk", "fdisk" };
        static const char image[] = TOOL_PLACE "/image";
        static const char *const arguments[] = { "--quiet",      "--no-reread", "--no-tell-kernel",
                                                 "--wipe=never", image,         NULL };
        const struct tool_file files[] = { { "image", target->fd, true }, { 0 } };
        struct tool_run run = { &tool, arguments, NULL, NULL, files };
        _cleanup_free_ char *script = NULL;
        uuid_text id;
        int r = fingerprint_derive(fingerprint, "table", id);

        if (r < 0) {
                return error_set(error, r, "cannot derive a UUID");
        }
        script = write_script(layout, content->architecture, id);
        if (!script) {
                return error_oom(error);
        }
        run.input = script;
        return tool_succeed(&run, NULL, error);
}

static int copy_content(const struct layout *layout, const struct part *target)
{
        for (size_t i = 0; i < layout->count; i++) {
                const struct placed *placed = &layout->partitions[i];
                int r;

                if (lseek(placed->content->fd, 0, SEEK_SET) < 0 ||
                    lseek(target->fd, (off_t)placed->offset, SEEK_SET) < 0) {
                        return -errno;
                }
                r = file_copy(placed->content->fd, target->fd);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int table_make(const struct table_content *content, const struct fingerprint *fingerprint,
               const struct part *target, struct machine_error *error)
{
        struct layout layout = { .end = ALIGNMENT };
        int r = place(&layout, content->root, DISK_DATA);

        if (r == 0 && content->tree) {
                r = place(&layout, content->tree, DISK_VERITY);
        }
        if (r == 0) {
                r = name_partitions(&layout, content, fingerprint);
        }
        /* The last of the space is for the second copy of the table. */
        if (r == 0 && ftruncate(target->fd, (off_t)(layout.end + ALIGNMENT)) < 0) {
                r = -errno;
        }
        if (r < 0) {
                return error_set(error, r, "cannot write %s", target->temporary);
        }
        r = write_table(&layout, content, fingerprint, target, error);
        if (r < 0) {
                return r;
        }
        r = copy_content(&layout, target);
        return r < 0 ? error_set(error, r, "cannot write %s", target->temporary) : 0;
}

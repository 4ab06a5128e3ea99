/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tool/tool.h"
#include "rootfs/disk/disk.h"

/* e2fsck(8): repairs what is safe to, and exits with these bits. The file systems with a log, xfs
 * and btrfs, repair themselves when they are mounted. */
enum {
        REPAIRED = 1,
        REPAIRED_AND_REBOOT = 2,
};

static const struct tool e2fsck = { "e2fsck", "e2fsprogs" };

static void warn(const struct disk_source *source, const char *reason)
{
        _cleanup_free_ char *message = string_format(
                "the file system of the image \"%s\" is not checked before it is written to: %s",
                source->image->path, reason);

        if (message && source->request->warn) {
                source->request->warn(source->request->warn_data, message);
        }
}

static int explain(const struct disk_source *source, uint64_t offset, const char *said,
                   struct machine_error *error)
{
        _cleanup_free_ char *quoted = string_shell_quoted(source->image->path);
        _cleanup_free_ char *printable = string_printable(said ? said : "");

        error_say(error, EUCLEAN,
                  "the file system of the image \"%s\" has errors that are not repaired without "
                  "being asked: %s",
                  source->image->path, printable ? printable : "");
        if (offset > 0) {
                error_hint(error, "keep a copy, and run: e2fsck -f %s'?offset=%llu'",
                           quoted ? quoted : "IMAGE", (unsigned long long)offset);
        } else {
                error_hint(error, "keep a copy, and run: e2fsck -f %s", quoted ? quoted : "IMAGE");
        }
        return -EUCLEAN;
}

static int run(const struct disk_source *source, uint64_t offset, struct machine_error *error)
{
        _cleanup_free_ char *path =
                string_format(TOOL_PLACE "/image?offset=%llu", (unsigned long long)offset);
        _cleanup_free_ char *output = NULL;
        const char *const arguments[] = { "-p", path, NULL };
        const struct tool_file files[] = {
                { .name = "image", .fd = source->fd, .writable = true },
                { .name = NULL },
        };
        const struct tool_run call = { .tool = &e2fsck, .arguments = arguments, .files = files };
        int r = path ? tool_run(&call, &output, error) : error_oom(error);

        if (r < 0) {
                return r;
        }
        return r & ~(REPAIRED | REPAIRED_AND_REBOOT) ? explain(source, offset, output, error) : 0;
}

int disk_repair(const struct disk_source *source, const struct disk_partition *partition,
                struct machine_error *error)
{
        const struct disk_content *content =
                partition ? &partition->content : &source->image->content;
        _cleanup_free_ char *found = NULL;

        if (!string_equal(content->type, "ext4")) {
                return 0;
        }
        /* The sandbox has no devices. */
        if (source->image->block_device) {
                return 0;
        }
        found = tool_find(&e2fsck);
        if (!found) {
                warn(source, "e2fsck is not installed (package e2fsprogs)");
                return 0;
        }
        return run(source, partition ? partition->offset : 0, error);
}

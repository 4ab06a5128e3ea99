/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/error.h"
#include "base/rights/trust.h"
#include "base/strings.h"
#include "rootfs/disk/disk.h"
#include "rootfs/disk/loop.h"
#include "rootfs/disk/proof.h"
#include "rootfs/mount/mount.h"

static const struct disk_content *content_of(const struct disk_source *source,
                                             const struct disk_partition *partition)
{
        return partition ? &partition->content : &source->image->content;
}

char *disk_name_of(const struct disk_source *source, const struct disk_partition *partition)
{
        return partition ? string_format("partition %u (%s) of the image \"%s\"", partition->number,
                                         disk_role_name(partition->role, partition->part),
                                         source->image->path)
                         : string_format("the image \"%s\"", source->image->path);
}

bool disk_is_written(const struct disk_source *source, const struct disk_partition *partition)
{
        if (disk_wants_verified(source, partition, NULL) != 0) {
                return false;
        }
        return source->write && disk_type_is_writable(content_of(source, partition)->type) &&
               !(partition && partition->flags & DISK_READ_ONLY);
}

static int explain(const struct disk_source *source, const struct disk_partition *partition,
                   int number, struct machine_error *error)
{
        const char *type = content_of(source, partition)->type;
        _cleanup_free_ char *name = disk_name_of(source, partition);
        _cleanup_free_ char *quoted = string_shell_quoted(source->image->path);

        if (!name || !quoted) {
                return error_oom(error);
        }
        if (number == -EROFS && !disk_is_written(source, partition)) {
                error_say(error, EROFS,
                          "%s was not unmounted in order: the journal of its %s has changes that a "
                          "read-only mount cannot make",
                          name, type);
                error_hint(error, "start a machine that writes to it once (no \"upper\"), or mount "
                                  "and unmount it on the host");
                return number;
        }
        error_prefix(error, "cannot mount %s", name);
        if (number == -ENODEV) {
                error_hint(error, "load its module: modprobe %s", type);
        } else {
                error_hint(error, "see the kernel's log (dmesg)");
        }
        return number;
}

/* What keeps a read-only mount from replaying a journal. */
static const struct {
        const char *type;
        struct mount_option option;
} unrecovered[] = {
        { "ext4", { "noload", NULL } },
        { "xfs", { "norecovery", NULL } },
        { "btrfs", { "rescue", "nologreplay" } },
};

static void add_unrecovered(const char *type, struct mount_option *options, size_t *count)
{
        for (size_t i = 0; i < ELEMENTS_OF(unrecovered); i++) {
                if (string_equal(unrecovered[i].type, type)) {
                        options[(*count)++] = unrecovered[i].option;
                }
        }
}

/* joined: the device is a machine's that writes to it, and the file system is the one that this
 * machine has mounted. */
static int mount_device(const struct disk_source *source, const struct disk_partition *partition,
                        const char *device, bool joined, struct machine_error *error)
{
        const char *type = content_of(source, partition)->type;
        bool write = disk_is_written(source, partition);
        struct mount_option options[4] = { { NULL, NULL } };
        size_t count = 0;
        int fd;

        if (!write && !joined) {
                options[count++].key = "ro";
        }
        if (source->request->rehearsal && !joined) {
                add_unrecovered(type, options, &count);
        }
        /* The UUID of a copy is that of the original. */
        if (string_equal(type, "xfs")) {
                options[count++].key = "nouuid";
        }
        fd = mount_new_from(type, device, options,
                            MOUNT_ATTR_NODEV | (write ? 0 : MOUNT_ATTR_RDONLY), error);
        return fd < 0 ? explain(source, partition, fd, error) : fd;
}

static int mount_source(const struct disk_source *source, const struct disk_partition *partition,
                        const char *device, struct machine_error *error)
{
        return mount_device(source, partition, device, false, error);
}

/* From the file itself, which has no page cache in common with other mounts of it. -ENOTBLK before
 * Linux 6.12. */
static int mount_file(const struct disk_source *source, struct machine_error *error)
{
        char path[32];

        snprintf(path, sizeof path, "/proc/self/fd/%d", source->fd);
        return mount_source(source, NULL, path, error);
}

static int mount_loop(const struct disk_source *source, const struct disk_partition *partition,
                      struct machine_error *error)
{
        const struct loop_part part = {
                .fd = source->fd,
                .path = source->image->path,
                .offset = partition ? partition->offset : 0,
                .size = partition ? partition->size : 0,
                .block_size = partition ? source->image->sector_size : 0,
                .write = disk_is_written(source, partition),
        };
        const char *table = source->request->loops;
        char path[DISK_DEVICE_BYTES];
        _cleanup_close_ int device =
                source->request->rehearsal ? loop_open_written(&part, table, path, error) : -ENOENT;
        bool joined = device >= 0;

        if (device == -ENOENT) {
                device = loop_open(&part, table, path, error);
        }
        /* The device stays until the mount has it open. */
        return device < 0 ? device : mount_device(source, partition, path, joined, error);
}

/* A file system is parsed by the kernel. Those that were made to be distributed expect hostile
 * ones; others are as trustworthy as whoever can change them. */
static int check_trust(const struct disk_source *source, const struct disk_partition *partition,
                       struct machine_error *error)
{
        const struct disk_content *content = content_of(source, partition);
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        int r;

        /* A hash in the definition says what is in it, and so does whoever has signed it. */
        if (source->image->block_device || disk_type_is_hardened(content->type) ||
            source->request->root_hash ||
            (source->signature.data && disk_wants_verified(source, partition, NULL) > 0)) {
                return 0;
        }
        r = trust_judge(source->image->path, 0, &reason);
        if (r != -EPERM) {
                return r;
        }
        error_say(error, EPERM,
                  "the image \"%s\" is not mounted, because others than root could change it, and "
                  "the kernel trusts what is in %s: %s",
                  source->image->path, content->type, reason.message);
        error_hint(error, "%s; erofs and squashfs are mounted from everybody",
                   reason.hint ? reason.hint : "change its owner and mode");
        return r;
}

static int mount_verified(const struct disk_source *source, const struct disk_partition *partition,
                          struct disk_proof *proof, struct machine_error *error)
{
        char path[DISK_DEVICE_BYTES];
        _cleanup_close_ int device = disk_open_verified(source, partition, path, proof, error);
        int fd = device < 0 ? device : mount_source(source, partition, path, error);

        if (device >= 0 && fd < 0 && disk_is_corrupt(proof)) {
                error_say(error, EBADMSG,
                          "the image \"%s\" is not the one that the root hash %s names: a block of "
                          "its data or of its hash tree differs",
                          source->image->path, source->root_hash);
                error_hint(error, "get the image again; \"veritysetup verify\" finds the block");
                return -EBADMSG;
        }
        return fd;
}

static int mount_checked(const struct disk_source *source, const struct disk_partition *partition,
                         struct disk_proof *proof, struct machine_error *error)
{
        const struct disk_image *image = source->image;
        bool whole = !partition;
        int verified = disk_wants_verified(source, partition, error);

        if (verified != 0) {
                return verified < 0 ? verified : mount_verified(source, partition, proof, error);
        }
        if (whole && image->block_device) {
                return mount_source(source, NULL, image->path, error);
        }
        if (whole && !source->shared && string_equal(image->content.type, "erofs")) {
                _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
                int fd = mount_file(source, &reason);

                if (fd != -ENOTBLK) {
                        error_move(error, &reason);
                        return fd;
                }
        }
        return mount_loop(source, partition, error);
}

int disk_mount_content(const struct disk_source *source, const struct disk_partition *partition,
                       struct disk_proof *proof, struct machine_error *error)
{
        int r = disk_check_content(source->image, partition, error);
        int fd;

        if (r == 0) {
                r = check_trust(source, partition, error);
        }
        if (r == 0 && disk_is_written(source, partition)) {
                r = disk_repair(source, partition, error);
        }
        if (r < 0) {
                return r;
        }
        fd = mount_checked(source, partition, proof, error);
        if (fd < 0 || !disk_is_written(source, partition)) {
                return fd;
        }
        r = disk_grow_file_system(source, partition, fd, error);
        if (r < 0) {
                fd_close(fd);
                return r;
        }
        return fd;
}

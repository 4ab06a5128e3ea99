/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/strings.h"
#include "rootfs/disk/disk.h"

/* Growing while it is mounted, which all three can, and which takes none of their programs. */

/* Of the kernel's interface to programs, but not in its headers everywhere: fs/ext4/ext4.h and
 * fs/xfs/libxfs/xfs_fs.h. */
#define EXT4_RESIZE _IOW('f', 16, uint64_t)

struct xfs_geometry {
        uint32_t block_size;
        uint32_t other[6];
        uint32_t inode_percent; /* of the space that inodes may take */
        uint64_t blocks;
        uint64_t more[3];
        uint8_t id[16];
        uint32_t rest[8];
};

struct xfs_growth {
        uint64_t blocks;
        uint32_t inode_percent;
};

_Static_assert(sizeof(struct xfs_geometry) == 112, "struct xfs_fsop_geom_v1");

#define XFS_GEOMETRY _IOR('X', 100, struct xfs_geometry)
#define XFS_GROW     _IOW('X', 110, struct xfs_growth)

/* What it rounds its size to at most: a page. */
#define BTRFS_UNIT (UINT64_C(64) << 10)

static int grow_ext4(int fd, uint64_t size, uint32_t block_size)
{
        uint64_t blocks = size / block_size;

        return ioctl(fd, EXT4_RESIZE, &blocks) < 0 ? -errno : 0;
}

static int grow_xfs(int fd, uint64_t size, uint32_t block_size)
{
        struct xfs_geometry geometry = { 0 };
        struct xfs_growth growth;

        if (ioctl(fd, XFS_GEOMETRY, &geometry) < 0) {
                return -errno;
        }
        growth = (struct xfs_growth){ size / geometry.block_size, geometry.inode_percent };
        return growth.blocks > geometry.blocks && ioctl(fd, XFS_GROW, &growth) < 0 ? -errno : 0;
}

static int grow_btrfs(int fd, uint64_t size, uint32_t block_size)
{
        struct btrfs_ioctl_vol_args arguments = { .name = "max" };
        struct btrfs_ioctl_dev_info_args device = { .devid = 1 };

        if (ioctl(fd, BTRFS_IOC_DEV_INFO, &device) < 0) {
                return -errno;
        }
        if (device.total_bytes / BTRFS_UNIT >= size / BTRFS_UNIT) {
                return 0;
        }
        return ioctl(fd, BTRFS_IOC_RESIZE, &arguments) < 0 ? -errno : 0;
}

static const struct {
        const char *type;
        int (*grow)(int fd, uint64_t size, uint32_t block_size);
} growers[] = {
        { "ext4", grow_ext4 },
        { "xfs", grow_xfs },
        { "btrfs", grow_btrfs },
};

/* Of xfs and btrfs, the size is not known before; they tell themselves. */
static bool is_wanted(const struct disk_source *source, const struct disk_partition *partition)
{
        const struct disk_content *content =
                partition ? &partition->content : &source->image->content;
        uint64_t size = partition ? partition->size : source->image->size;

        return (source->request->size != MACHINE_UNSET ||
                (partition && partition->flags & DISK_GROW_FILE_SYSTEM)) &&
               content->size + content->block_size <= size;
}

int disk_grow_file_system(const struct disk_source *source, const struct disk_partition *partition,
                          int mount_fd, struct machine_error *error)
{
        const struct disk_content *content =
                partition ? &partition->content : &source->image->content;
        uint64_t size = partition ? partition->size : source->image->size;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!is_wanted(source, partition)) {
                return 0;
        }
        fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? -errno : -EOPNOTSUPP;
        for (size_t i = 0; fd >= 0 && i < ELEMENTS_OF(growers); i++) {
                if (string_equal(growers[i].type, content->type)) {
                        r = growers[i].grow(fd, size, content->block_size);
                }
        }
        if (r < 0) {
                _cleanup_free_ char *name = disk_name_of(source, partition);

                r = error_set(error, r, "cannot grow the file system of %s",
                              name ? name : "an image");
                if (r == -EINVAL && string_equal(content->type, "btrfs")) {
                        error_hint(error, "the kernel changes the size of btrfs only to 256M and "
                                          "more");
                }
                /* Not even root has it in some containers. */
                if (r == -EPERM) {
                        error_hint(error, "it takes CAP_SYS_RESOURCE, which this process lacks: "
                                          "grow it with resize2fs(8), or leave out \"size\"");
                }
                return r;
        }
        return 0;
}

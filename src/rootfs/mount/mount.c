/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/mount/mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/strings.h"

/* Defined in the kernel, but not in magic.h. */
#define CIFS_MAGIC    0xff534d42
#define SMB2_MAGIC    0xfe534d42
#define FUSE_MAGIC    0x65735546
#define NFS_MAGIC     0x6969
#define NTFS3_MAGIC   0x7366746e
#define VIRTIO_9P     0x01021997
#define ZFS_MAGIC     0x2fc12fc1
#define MESSAGE_BYTES 512

/* The kernel explains a refused file system in the context's log, one message a read, each with a
 * letter and a blank in front ("e ", "w ", "i "). */
static void read_explanation(int context, char text[static MESSAGE_BYTES])
{
        ssize_t length;

        text[0] = '\0';
        do {
                char line[MESSAGE_BYTES];

                length = read(context, line, sizeof line - 1);
                if (length > 2 && line[0] == 'e') {
                        line[length] = '\0';
                        line[strcspn(line, "\n")] = '\0';
                        memcpy(text, line + 2, strlen(line + 2) + 1);
                }
        } while (length > 0);
}

static int explain_new(int context, int number, const char *type, struct machine_error *error)
{
        char text[MESSAGE_BYTES];
        _cleanup_free_ char *printable = NULL;

        read_explanation(context, text);
        printable = string_printable(text);
        return text[0] && printable
                       ? error_set(error, number, "cannot create a %s file system: %s", type,
                                   printable)
                       : error_set(error, number, "cannot create a %s file system", type);
}

int mount_new(const char *type, const struct mount_option *options, uint64_t attributes,
              struct machine_error *error)
{
        return mount_new_from(type, type, options, attributes, error);
}

int mount_reconfigure(int mount_fd, char *const *words, struct machine_error *error)
{
        _cleanup_close_ int context = fspick(mount_fd, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
        char text[24];

        if (context < 0) {
                return error_set(error, errno, "cannot change the file system");
        }
        STRV_FOREACH(word, words) {
                char *equals = strchr(*word, '=');

                if (equals) {
                        *equals = '\0';
                }
                if (fsconfig(context, equals ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, *word,
                             equals ? equals + 1 : NULL, 0) < 0) {
                        return explain_new(context, errno, mount_type_name(mount_fd, text), error);
                }
        }
        return fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0
                       ? explain_new(context, errno, mount_type_name(mount_fd, text), error)
                       : 0;
}

int mount_new_from(const char *type, const char *source, const struct mount_option *options,
                   uint64_t attributes, struct machine_error *error)
{
        _cleanup_close_ int context = fsopen(type, FSOPEN_CLOEXEC);
        int fd;

        if (context < 0) {
                return errno == ENODEV
                               ? error_say(error, errno, "this kernel has no file system %s", type)
                               : error_set(error, errno, "cannot create a %s file system", type);
        }
        /* The name in the mount table and df(1); "none" otherwise. */
        if (fsconfig(context, FSCONFIG_SET_STRING, "source", source ? source : type, 0) < 0) {
                return explain_new(context, errno, type, error);
        }
        for (; options && options->key; options++) {
                if (fsconfig(context, options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
                             options->key, options->value, 0) < 0) {
                        return explain_new(context, errno, type, error);
                }
        }
        if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
                return explain_new(context, errno, type, error);
        }
        fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned int)attributes);
        if (fd < 0) {
                return explain_new(context, errno, type, error);
        }
        return fd;
}

int mount_clone(int directory_fd, const char *path, bool recursive)
{
        unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
        int fd;

        flags |= recursive ? AT_RECURSIVE : 0;
        flags |= path[0] == '\0' ? AT_EMPTY_PATH : 0;
        fd = open_tree(directory_fd, path, flags);
        return fd < 0 ? -errno : fd;
}

int mount_set(int mount_fd, uint64_t attributes, bool recursive)
{
        struct mount_attr attr = { .attr_set = attributes };

        if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
                          sizeof attr) < 0) {
                return -errno;
        }
        return 0;
}

int mount_attach(int mount_fd, int directory_fd, const char *name)
{
        if (move_mount(mount_fd, "", directory_fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
                return -errno;
        }
        return 0;
}

int mount_attach_over(int mount_fd, int target_fd)
{
        if (move_mount(mount_fd, "", target_fd, "",
                       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) {
                return -errno;
        }
        return 0;
}

const char *mount_type_name(int fd, char text[static 24])
{
        static const struct {
                uint32_t magic;
                const char *name;
        } names[] = {
                { BTRFS_SUPER_MAGIC, "btrfs" },
                { CIFS_MAGIC, "cifs" },
                { EXT4_SUPER_MAGIC, "ext4" },
                { FUSE_MAGIC, "fuse" },
                { NFS_MAGIC, "nfs" },
                { NTFS3_MAGIC, "ntfs3" },
                { MSDOS_SUPER_MAGIC, "vfat" },
                { OVERLAYFS_SUPER_MAGIC, "overlay" },
                { PROC_SUPER_MAGIC, "proc" },
                { RAMFS_MAGIC, "ramfs" },
                { SMB2_MAGIC, "smb" },
                { SQUASHFS_MAGIC, "squashfs" },
                { SYSFS_MAGIC, "sysfs" },
                { TMPFS_MAGIC, "tmpfs" },
                { VIRTIO_9P, "9p" },
                { XFS_SUPER_MAGIC, "xfs" },
                { ZFS_MAGIC, "zfs" },
        };
        struct statfs info;

        if (fstatfs(fd, &info) < 0) {
                return "an unknown file system";
        }
        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                if (names[i].magic == (uint32_t)info.f_type) {
                        return names[i].name;
                }
        }
        snprintf(text, 24, "0x%x", (unsigned int)info.f_type);
        return text;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MUSL_SYS_MOUNT_H
#define MUSL_SYS_MOUNT_H

/* The file descriptor based mount API, which musl lacks, as declared by glibc 2.36 in its header of
 * this name (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)). */

#include <linux/mount.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* musl's own header defines these as an enumeration or as macros. */
#undef MS_RDONLY
#undef MS_NOSUID
#undef MS_NODEV
#undef MS_NOEXEC
#undef MS_SYNCHRONOUS
#undef MS_REMOUNT
#undef MS_MANDLOCK
#undef MS_DIRSYNC
#undef MS_NOSYMFOLLOW
#undef MS_NOATIME
#undef MS_NODIRATIME
#undef MS_BIND
#undef MS_MOVE
#undef MS_REC
#undef MS_SILENT
#undef MS_POSIXACL
#undef MS_UNBINDABLE
#undef MS_PRIVATE
#undef MS_SLAVE
#undef MS_SHARED
#undef MS_RELATIME
#undef MS_KERNMOUNT
#undef MS_I_VERSION
#undef MS_STRICTATIME
#undef MS_LAZYTIME
#undef MS_NOREMOTELOCK
#undef MS_NOSEC
#undef MS_BORN
#undef MS_ACTIVE
#undef MS_NOUSER
#undef MS_RMT_MASK
#undef MS_MGC_VAL
#undef MS_MGC_MSK
#include_next <sys/mount.h>

static inline int fsopen(const char *type, unsigned int flags)
{
        return (int)syscall(SYS_fsopen, type, flags);
}

static inline int fsconfig(int fd, unsigned int command, const char *key, const void *value,
                           int auxiliary)
{
        return (int)syscall(SYS_fsconfig, fd, command, key, value, auxiliary);
}

static inline int fsmount(int fd, unsigned int flags, unsigned int attributes)
{
        return (int)syscall(SYS_fsmount, fd, flags, attributes);
}

static inline int fspick(int directory_fd, const char *path, unsigned int flags)
{
        return (int)syscall(SYS_fspick, directory_fd, path, flags);
}

static inline int open_tree(int directory_fd, const char *path, unsigned int flags)
{
        return (int)syscall(SYS_open_tree, directory_fd, path, flags);
}

static inline int move_mount(int from_fd, const char *from, int to_fd, const char *to,
                             unsigned int flags)
{
        return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

static inline int mount_setattr(int directory_fd, const char *path, unsigned int flags,
                                struct mount_attr *attributes, size_t size)
{
        return (int)syscall(SYS_mount_setattr, directory_fd, path, flags, attributes, size);
}

#endif

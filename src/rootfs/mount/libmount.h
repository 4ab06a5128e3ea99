/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_MOUNT_LIBMOUNT_H
#define ROOTFS_MOUNT_LIBMOUNT_H

#include "base/error.h"

/** Why a mount failed. */
struct libmount_failure {
        int number;         /* errno of the system call, positive */
        char sentence[256]; /* the library's message, or "" */
};

/**
 * Mounts with libmount, which supports the old and the new mount API. Paths are not resolved, and
 * neither /etc/mtab nor mount helpers are used. flags are MS_* of mount(2). 0, or -errno with
 * *ret_failure.
 */
int libmount_mount(const char *type, const char *source, const char *target, unsigned long flags,
                   const char *options, struct libmount_failure *ret_failure);

#endif

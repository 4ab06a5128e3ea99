/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_LIBMOUNT_H
#define ROOTFS_LIBMOUNT_H

#include "base/error.h"

/** Why a mount failed. */
struct libmount_failure {
        int number;         /* errno of the system call, positive */
        char sentence[256]; /* the library's words for it, "" for none */
};

/**
 * Mounts by libmount, which is loaded for it. Paths are taken as they are, and neither /etc/mtab
 * nor helper programs are looked at.
 *
 * flags are MS_* of mount(2). Returns 0; -ELIBACC where there is no libmount, *ret_failure as it
 * was; else the negative errno of the mount, with *ret_failure.
 */
int libmount_mount(const char *type, const char *source, const char *target, unsigned long flags,
                   const char *options, struct libmount_failure *ret_failure);

#endif

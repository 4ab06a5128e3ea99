/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/mount/libmount.h"

#include <errno.h>
#include <libmount.h>

static int mount_in(struct libmnt_context *context, struct libmount_failure *ret_failure)
{
        int r = mnt_context_mount(context);
        int number;

        if (r == 0) {
                return 0;
        }
        number = mnt_context_get_syscall_errno(context);
        (void)mnt_context_get_excode(context, r, ret_failure->sentence,
                                     sizeof ret_failure->sentence);
        ret_failure->number = number > 0 ? number : (r < 0 ? -r : EINVAL);
        return -ret_failure->number;
}

int libmount_mount(const char *type, const char *source, const char *target, unsigned long flags,
                   const char *options, struct libmount_failure *ret_failure)
{
        struct libmnt_context *context = mnt_new_context();
        int r;

        *ret_failure = (struct libmount_failure){ .number = ENOMEM };
        if (!context) {
                return -ENOMEM;
        }
        /* None of these has anything to do here, and together they cost four times the mount:
         * /etc/mtab and /run/mount, /sbin/mount.TYPE, and resolving paths. */
        (void)mnt_context_disable_mtab(context, 1);
        (void)mnt_context_disable_helpers(context, 1);
        (void)mnt_context_disable_canonicalize(context, 1);
        if (mnt_context_set_fstype(context, type) < 0 ||
            mnt_context_set_source(context, source) < 0 ||
            mnt_context_set_target(context, target) < 0 ||
            mnt_context_set_options(context, options) < 0 ||
            mnt_context_set_mflags(context, flags) < 0) {
                r = -ENOMEM;
        } else {
                r = mount_in(context, ret_failure);
        }
        mnt_free_context(context);
        return r;
}

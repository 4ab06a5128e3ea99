/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/libmount.h"

#include <errno.h>
#include <libmount.h>

#include "base/library.h"
#include "base/strings.h"

#define LIBRARY "libmount.so.1"

struct libmount {
        __typeof__(mnt_new_context) *context_new;
        __typeof__(mnt_free_context) *context_free;
        __typeof__(mnt_context_disable_mtab) *disable_mtab;
        __typeof__(mnt_context_disable_helpers) *disable_helpers;
        __typeof__(mnt_context_disable_canonicalize) *disable_canonicalize;
        __typeof__(mnt_context_set_fstype) *set_type;
        __typeof__(mnt_context_set_source) *set_source;
        __typeof__(mnt_context_set_target) *set_target;
        __typeof__(mnt_context_set_options) *set_options;
        __typeof__(mnt_context_set_mflags) *set_flags;
        __typeof__(mnt_context_mount) *mount;
        __typeof__(mnt_context_get_syscall_errno) *syscall_errno;
        __typeof__(mnt_context_get_excode) *explain;
};

static const struct library_function functions[] = {
        { "mnt_new_context", offsetof(struct libmount, context_new) },
        { "mnt_free_context", offsetof(struct libmount, context_free) },
        { "mnt_context_disable_mtab", offsetof(struct libmount, disable_mtab) },
        { "mnt_context_disable_helpers", offsetof(struct libmount, disable_helpers) },
        { "mnt_context_disable_canonicalize", offsetof(struct libmount, disable_canonicalize) },
        { "mnt_context_set_fstype", offsetof(struct libmount, set_type) },
        { "mnt_context_set_source", offsetof(struct libmount, set_source) },
        { "mnt_context_set_target", offsetof(struct libmount, set_target) },
        { "mnt_context_set_options", offsetof(struct libmount, set_options) },
        { "mnt_context_set_mflags", offsetof(struct libmount, set_flags) },
        { "mnt_context_mount", offsetof(struct libmount, mount) },
        { "mnt_context_get_syscall_errno", offsetof(struct libmount, syscall_errno) },
        { "mnt_context_get_excode", offsetof(struct libmount, explain) },
};

static int mount_in(const struct libmount *library, struct libmnt_context *context,
                    struct libmount_failure *ret_failure)
{
        int r = library->mount(context);
        int number;

        if (r == 0) {
                return 0;
        }
        number = library->syscall_errno(context);
        library->explain(context, r, ret_failure->sentence, sizeof ret_failure->sentence);
        ret_failure->number = number > 0 ? number : (r < 0 ? -r : EINVAL);
        return -ret_failure->number;
}

int libmount_mount(const char *type, const char *source, const char *target, unsigned long flags,
                   const char *options, struct libmount_failure *ret_failure)
{
        struct libmount library;
        struct libmnt_context *context;
        int r = library_load(LIBRARY, functions, ELEMENTS_OF(functions), &library, NULL);

        if (r < 0) {
                return r;
        }
        *ret_failure = (struct libmount_failure){ .number = ENOMEM };
        context = library.context_new();
        if (!context) {
                return -ENOMEM;
        }
        /* None of these has anything to do here, and together they cost four times the mount:
         * /etc/mtab and /run/mount, /sbin/mount.TYPE, and resolving paths. */
        library.disable_mtab(context, 1);
        library.disable_helpers(context, 1);
        library.disable_canonicalize(context, 1);
        if (library.set_type(context, type) < 0 || library.set_source(context, source) < 0 ||
            library.set_target(context, target) < 0 || library.set_options(context, options) < 0 ||
            library.set_flags(context, flags) < 0) {
                r = -ENOMEM;
        } else {
                r = mount_in(&library, context, ret_failure);
        }
        library.context_free(context);
        return r;
}

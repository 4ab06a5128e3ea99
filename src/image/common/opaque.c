/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/common/opaque.h"

#include <errno.h>
#include <sys/xattr.h>

#define BY_ROOT "trusted.overlay.opaque"
#define BY_USER "user.overlay.opaque"

int opaque_set(int directory_fd)
{
        if (fsetxattr(directory_fd, BY_ROOT, "y", 1, 0) == 0) {
                return 0;
        }
        /* Only root of the host may set the first. The unpacker has no /proc to look at who it is.
         */
        return errno == EPERM && fsetxattr(directory_fd, BY_USER, "y", 1, 0) == 0 ? 0 : -errno;
}

bool opaque_is_set(int directory_fd)
{
        char value = 0;

        return (fgetxattr(directory_fd, BY_ROOT, &value, 1) == 1 && value == 'y') ||
               (fgetxattr(directory_fd, BY_USER, &value, 1) == 1 && value == 'y');
}

bool opaque_is_set_by_machine(const char *name, bool inside)
{
        char value = 0;

        return lgetxattr(*name ? name : ".", inside ? BY_USER : BY_ROOT, &value, 1) == 1 &&
               value == 'y';
}

bool opaque_is_set_at(const char *name)
{
        return opaque_is_set_by_machine(name, false) || opaque_is_set_by_machine(name, true);
}

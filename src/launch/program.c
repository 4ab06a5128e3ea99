/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finding and opening machine-init. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/strings.h"
#include "launch/context.h"
#include "machinectl-lite-build.h"

/* From the directory of this program to machine-init: as installed, and as built. Relative, so that
 * an installation can be moved and a build tree tried; the program's own directory is as trusted as
 * the program. */
static const char *const places[] = {
        INIT_PROGRAM_FROM_BINDIR,
        "../launch/init/machine-init",
};

/* A mount of one file, attached nowhere: read-only, and without a way to the rest of its file
 * system. */
static int open_detached(const char *path)
{
        struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                     MOUNT_ATTR_NODEV };
        _cleanup_close_ int fd =
                (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        if (fd < 0) {
                return -errno;
        }
        if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
                return -errno;
        }
        return TAKE_FD(fd);
}

int launch_open_init_program(struct machine_error *error)
{
        char program[PATH_MAX];
        ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
        char *slash;
        int r = -ENOENT;

        if (length < 0) {
                return error_set(error, errno, "cannot read /proc/self/exe");
        }
        program[length] = '\0';
        slash = strrchr(program, '/');
        if (slash) {
                *slash = '\0';
        }
        for (size_t i = 0; r == -ENOENT && i < ELEMENTS_OF(places); i++) {
                _cleanup_free_ char *path = string_format("%s/%s", program, places[i]);

                r = path ? open_detached(path) : -ENOMEM;
        }
        if (r < 0) {
                error_set(error, r, "cannot open machine-init beside %s", program);
                if (r == -ENOENT) {
                        error_hint(error,
                                   "the installation is incomplete: install machinectl-lite anew");
                }
        }
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finding and opening machine-init. */

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/process/program.h"
#include "base/rights/caller.h"
#include "launch/context.h"
#include "machinectl-lite-settings.h"

static const struct program machine_init = {
        .name = "machine-init",
        .purpose = "the first program of every machine",
        .places = (const char *const[]){ LIBEXEC_FROM_BINDIR "/machine-init",
                                         "../launch/init/machine-init", NULL },
};

/* A detached, read-only mount of one file, without access to the rest of its file system. */
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

/* By the file: its name may be that of any program. */
bool launch_waits(const struct machine_record *record)
{
        _cleanup_free_ char *path = program_find(&machine_init, NULL);
        struct stat own, running;
        char link[32];

        (void)snprintf(link, sizeof link, "/proc/%d/exe", record->init.pid);
        return path && stat(path, &own) == 0 && stat(link, &running) == 0 &&
               own.st_dev == running.st_dev && own.st_ino == running.st_ino;
}

char *launch_find_init_program(struct machine_error *error)
{
        return program_find(&machine_init, error);
}

int launch_open_init_program(struct machine_error *error)
{
        _cleanup_free_ char *path = program_find(&machine_init, error);
        int r = path ? open_detached(path) : -ENOENT;

        /* A user may clone mounts only in a mount namespace of his own. */
        if (r == -EPERM && caller_is_inside() && unshare(CLONE_NEWNS) == 0 &&
            mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0) {
                r = open_detached(path);
        }

        return r < 0 && path ? error_set(error, r, "cannot open %s", path) : r;
}

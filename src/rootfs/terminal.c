/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/error.h"
#include "rootfs/internal.h"
#include "rootfs/mount.h"

/* The slave comes from the master (TIOCGPTPEER, Linux 4.13), never from a path such as /dev/pts/0
 * that something else could have taken the place of. */
static int open_pair(struct rootfs *rootfs, int *ret_master, int *ret_slave,
                     struct machine_error *error)
{
        _cleanup_close_ int master =
                openat(rootfs->pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
        int slave, unlock = 0;

        if (master < 0) {
                return error_set(error, errno, "cannot open a terminal of the machine");
        }
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0) {
                return error_set(error, errno, "cannot unlock the terminal of the machine");
        }
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0) {
                return error_set(error, errno, "cannot open the terminal of the machine");
        }
        *ret_master = TAKE_FD(master);
        *ret_slave = slave;
        return 0;
}

int rootfs_terminal(struct rootfs *rootfs, int *ret_master, int *ret_slave,
                    struct machine_error *error)
{
        _cleanup_close_ int master = -EBADF, slave = -EBADF, clone = -EBADF;
        int r;

        r = open_pair(rootfs, &master, &slave, error);
        if (r < 0) {
                return r;
        }
        clone = mount_clone(slave, "", false);
        if (clone < 0) {
                return error_set(error, clone, "cannot make /dev/console of the terminal");
        }
        if (mknodat(rootfs->dev_fd, "console", S_IFREG | 0600, 0) < 0 && errno != EEXIST) {
                return error_set(error, errno, "cannot make /dev/console");
        }
        r = mount_attach(clone, rootfs->dev_fd, "console");
        if (r < 0) {
                return error_set(error, r, "cannot make /dev/console of the terminal");
        }
        *ret_master = TAKE_FD(master);
        *ret_slave = TAKE_FD(slave);
        return 0;
}

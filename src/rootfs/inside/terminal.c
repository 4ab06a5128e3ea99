/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/error.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/mount.h"

/* The slave is opened through the master (TIOCGPTPEER, Linux 4.13), never by a path such as
 * /dev/pts/0, which could have been replaced. */
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

/* An existing one is from `devices` or `mounts`, and stays. */
static int make_console(struct rootfs *rootfs, int slave, struct machine_error *error)
{
        _cleanup_close_ int clone = -EBADF;
        int r;

        if (mknodat(rootfs->dev_fd, "console", S_IFREG | 0600, 0) < 0) {
                return errno == EEXIST ? 0 : error_set(error, errno, "cannot create /dev/console");
        }
        clone = mount_clone(slave, "", false);
        r = clone < 0 ? clone : mount_attach(clone, rootfs->dev_fd, "console");
        return r < 0 ? error_set(error, r, "cannot create /dev/console from the terminal") : 0;
}

int rootfs_terminal(struct rootfs *rootfs, int *ret_master, int *ret_slave,
                    struct machine_error *error)
{
        _cleanup_close_ int master = -EBADF, slave = -EBADF;
        int r;

        r = open_pair(rootfs, &master, &slave, error);
        if (r < 0) {
                return r;
        }
        r = make_console(rootfs, slave, error);
        if (r < 0) {
                return r;
        }
        *ret_master = TAKE_FD(master);
        *ret_slave = TAKE_FD(slave);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/file.h>

#include "base/error.h"
#include "rootfs/disk/disk.h"

static int refuse(const char *path, struct machine_error *error)
{
        error_say(error, EBUSY,
                  "the image \"%s\" is in use by another program, which has locked it", path);
        error_hint(error, "\"lslocks\" shows which; wait for it, or use a copy of the image");
        return -EBUSY;
}

int disk_lock(int fd, const char *path, bool write, bool *ret_shared, struct machine_error *error)
{
        *ret_shared = false;
        /* Alone at first, to know whether others have it. */
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
                return write || flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : refuse(path, error);
        }
        if (errno == EWOULDBLOCK && write) {
                return refuse(path, error);
        }
        /* EBADF: exclusive locks of NFS need a descriptor for writing (flock(2)). */
        if (errno == EWOULDBLOCK || errno == EBADF) {
                *ret_shared = true;
                if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
                        return 0;
                }
                if (errno == EWOULDBLOCK) {
                        return refuse(path, error);
                }
        }
        return error_set(error, errno, "cannot lock the image \"%s\"", path);
}

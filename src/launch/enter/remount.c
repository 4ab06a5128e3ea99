/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter/remount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "rootfs/mount/mount.h"
#include "rootfs/rootfs.h"

static int open_user_namespace(const struct machine_record *record, struct machine_error *error)
{
        _cleanup_free_ char *path = NULL;
        int fd;

        if (record->user_count == 0) {
                return -EBADF;
        }
        path = string_format("/proc/%d/ns/user", (int)record->init.pid);
        fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        return fd >= 0 ? fd
                       : error_set(error, path ? errno : ENOMEM,
                                   "cannot open the user namespace of machine \"%s\"",
                                   record->name);
}

/* Only over a mount of the same kind: nothing of the machine's own is covered. */
static int check_target(int source, int target)
{
        struct statx above, below;

        if (statx(source, "", AT_EMPTY_PATH, STATX_TYPE, &above) < 0 ||
            statx(target, "", AT_EMPTY_PATH, STATX_TYPE, &below) < 0) {
                return -errno;
        }
        if (!(below.stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
                return -EINVAL;
        }
        return (above.stx_mode & S_IFMT) == (below.stx_mode & S_IFMT) ? 0 : -ENOTDIR;
}

/* In a process of its own, which stays in the host's pid namespace: after setns(2), "/" is the root
 * of the machine. */
static int attach(int init, int source, const char *path)
{
        _cleanup_close_ int root = -EBADF, target = -EBADF;
        int r;

        if (setns(init, CLONE_NEWNS) < 0) {
                return -errno;
        }
        root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        target = root < 0 ? -errno : path_open_in_root(root, path, O_PATH, 0);
        r = target < 0 ? target : check_target(source, target);
        return r < 0 ? r : mount_attach_over(source, target);
}

int launch_mount_over(const struct machine_record *record, int init,
                      const struct machine_mount *mount, struct machine_error *error)
{
        _cleanup_close_ int user_namespace = open_user_namespace(record, error);
        _cleanup_close_ int source = -EBADF;
        pid_t pid;
        int status;

        if (user_namespace < 0 && record->user_count > 0) {
                return user_namespace;
        }
        source = rootfs_open_bind(mount, user_namespace, error);
        if (source < 0) {
                return source;
        }
        pid = process_fork(0, NULL);
        if (pid == 0) {
                _exit(-attach(init, source, mount->target));
        }
        status = pid < 0 ? -(int)pid : process_wait(pid);
        return status == 0
                       ? 0
                       : error_set(error, status, "cannot mount %s over \"%s\" of machine \"%s\"",
                                   mount->source, mount->target, record->name);
}

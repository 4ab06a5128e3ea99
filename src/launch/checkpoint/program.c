/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/checkpoint/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "rootfs/mount/mount.h"

#define COPY "machine-init"

static int copy(int tree, const char *source, uid_t owner, mode_t mode)
{
        _cleanup_close_ int from = open(source, O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int to = openat(tree, COPY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
        int r = from < 0 || to < 0 ? -errno : file_copy(from, to);

        return r < 0 ? r : fchown(to, owner, owner) < 0 || fchmod(to, mode) < 0 ? -errno : 0;
}

int program_copy(const char *source, uid_t owner, mode_t mode, int place)
{
        static const struct mount_option options[] = { { "mode", "0711" }, { 0 } };
        _cleanup_close_ int tree =
                mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, NULL);
        _cleanup_close_ int program = -EBADF;
        int r = tree < 0 ? tree : mount_attach_over(tree, place);

        r = r < 0 ? r : copy(tree, source, owner, mode);
        program = r < 0 ? r : mount_clone(tree, COPY, false);
        r = program < 0 ? program : mount_set(program, MOUNT_ATTR_RDONLY, false);
        return r < 0 ? r : TAKE_FD(program);
}

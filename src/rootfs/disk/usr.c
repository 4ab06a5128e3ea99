/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "rootfs/disk/disk.h"
#include "rootfs/mount/mount.h"

/* What was merged into /usr, and is a link to it where the image has it. */
static const char *const merged[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32" };

/* What programs expect at least. */
static const struct {
        const char *name;
        mode_t mode;
} directories[] = {
        { "etc", 0755 },     { "root", 0700 },    { "run", 0755 },
        { "tmp", 01777 },    { "usr", 0755 },     { "var", 0755 },
        { "var/lib", 0755 }, { "var/log", 0755 }, { "var/tmp", 01777 },
};

static int make_directories(int root_fd, uid_t uid, gid_t gid)
{
        for (size_t i = 0; i < ELEMENTS_OF(directories); i++) {
                if (mkdirat(root_fd, directories[i].name, directories[i].mode) < 0 ||
                    fchmodat(root_fd, directories[i].name, directories[i].mode, 0) < 0 ||
                    fchownat(root_fd, directories[i].name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) {
                        return -errno;
                }
        }
        return 0;
}

static int make_links(int root_fd, int usr_fd, uid_t uid, gid_t gid)
{
        for (size_t i = 0; i < ELEMENTS_OF(merged); i++) {
                char target[16] = "usr/";
                struct stat info;

                if (fstatat(usr_fd, merged[i], &info, AT_SYMLINK_NOFOLLOW) < 0) {
                        continue;
                }
                strcat(target, merged[i]);
                if (symlinkat(target, root_fd, merged[i]) < 0 ||
                    fchownat(root_fd, merged[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0) {
                        return -errno;
                }
        }
        return 0;
}

int disk_make_root(const struct disk_request *request, int usr_fd, struct machine_error *error)
{
        uid_t uid = request->root_uid;
        gid_t gid = request->root_gid;
        static const struct mount_option options[] = { { "mode", "0755" }, { NULL, NULL } };
        _cleanup_close_ int fd = mount_new("tmpfs", options, MOUNT_ATTR_NODEV, error);
        int r;

        if (fd < 0) {
                return fd;
        }
        r = fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : make_directories(fd, uid, gid);
        if (r == 0) {
                r = make_links(fd, usr_fd, uid, gid);
        }
        return r < 0 ? error_set(error, r, "cannot make a root for usr") : TAKE_FD(fd);
}

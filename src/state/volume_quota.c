/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/volume_quota.h"

#include <errno.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/strings.h"

/* Newer than musl's list. The same for all architectures. */
#ifndef SYS_quotactl_fd
#        define SYS_quotactl_fd 443
#endif

/* Project ids of this program: others are mostly small numbers (projid(5)). */
#define PROJECT_FIRST 0x4d000000U
#define PROJECT_COUNT 0x01000000U
/* How many ids are tried, because another directory may have one. */
#define PROJECT_TRIES 64

/* Linux 5.14, for a descriptor instead of a device. */
static int quota(int fd, unsigned int command, uint64_t project, void *data)
{
        return syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), (uint32_t)project, data) < 0
                       ? -errno
                       : 0;
}

static int refuse(const char *path, struct machine_error *error)
{
        error_say(error, EOPNOTSUPP, "the file system of %s enforces no project quotas", path);
        error_hint(error, "mount it with the option \"prjquota\" (ext4 also needs tune2fs -O "
                          "project,quota), or leave out \"size\"");
        return -EOPNOTSUPP;
}

static int explain(int number, const char *path, struct machine_error *error)
{
        if (number != -EPERM && number != -EACCES) {
                return error_set(error, number, "cannot set the project quota of %s", path);
        }
        error_say(error, EPERM, "cannot set the project quota of %s: only root can", path);
        error_hint(error, "leave out \"size\"");
        return -EPERM;
}

static int check_enforced(int fd, const char *path, struct machine_error *error)
{
        struct fs_quota_stat status = { 0 };
        int r = quota(fd, Q_XGETQSTAT, 0, &status);

        if (r == -EPERM) {
                return explain(r, path, error);
        }
        return r < 0 || !(status.qs_flags & FS_QUOTA_PDQ_ENFD) ? refuse(path, error) : 0;
}

static bool is_free(int fd, uint32_t project)
{
        struct if_dqblk usage = { 0 };
        int r = quota(fd, Q_GETQUOTA, project, &usage);

        return r == -ENOENT || r == -ESRCH ||
               (r == 0 && usage.dqb_curinodes == 0 && usage.dqb_bhardlimit == 0);
}

static int set_project(int fd, uint32_t project)
{
        struct fsxattr attributes;

        if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) {
                return -errno;
        }
        attributes.fsx_projid = project;
        attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
        return ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0 ? -errno : 0;
}

int volume_quota_assign(int directory_fd, const char *path, uint64_t *ret_project,
                        struct machine_error *error)
{
        uint64_t start = string_hash(path, strlen(path));
        int r = check_enforced(directory_fd, path, error);

        for (unsigned int i = 0; r == 0 && i < PROJECT_TRIES; i++) {
                uint32_t project = PROJECT_FIRST + (uint32_t)((start + i) % PROJECT_COUNT);

                if (!is_free(directory_fd, project)) {
                        continue;
                }
                r = set_project(directory_fd, project);
                if (r < 0) {
                        return explain(r, path, error);
                }
                *ret_project = project;
                return 0;
        }
        return r < 0 ? r : error_say(error, EBUSY, "no project id is free for %s", path);
}

int volume_quota_limit(int directory_fd, const char *path, uint64_t project, uint64_t size,
                       struct machine_error *error)
{
        struct if_dqblk limit = { .dqb_valid = QIF_BLIMITS };
        int r = check_enforced(directory_fd, path, error);

        if (r < 0) {
                return r;
        }
        if (size != MACHINE_UNSET) {
                limit.dqb_bhardlimit = (size + QIF_DQBLKSIZE - 1) / QIF_DQBLKSIZE;
                limit.dqb_bsoftlimit = limit.dqb_bhardlimit;
        }
        r = quota(directory_fd, Q_SETQUOTA, project, &limit);
        return r < 0 ? explain(r, path, error) : 0;
}

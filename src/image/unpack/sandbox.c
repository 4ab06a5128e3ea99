/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack/sandbox.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "image/unpack/sandbox_filter.h"

#define MEMORY_MAX (UINT64_C(512) << 20)
#define FILES_MAX  1200

int sandbox_leave_host(struct machine_error *error)
{
        if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) <
            0) {
                return error_set(error, errno,
                                 "cannot leave the host's namespaces to unpack archives");
        }
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
                return error_set(error, errno, "cannot make the mount table private");
        }
        return 0;
}

static int detached_directory(int directory_fd)
{
        struct mount_attr attributes = {
                .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
        };
        int fd = open_tree(directory_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

        if (fd < 0) {
                return -errno;
        }
        if (mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
                int saved = errno;

                fd_close(fd);
                return -saved;
        }
        return fd;
}

static int detached_nothing(void)
{
        _cleanup_close_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
        int fd;

        if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
                return -errno;
        }
        fd = fsmount(context, FSMOUNT_CLOEXEC,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        return fd < 0 ? -errno : fd;
}

int sandbox_enter(int place_fd, int directory_fd, struct machine_error *error)
{
        _cleanup_close_ int mount_fd = -EBADF;

        mount_fd = directory_fd >= 0 ? detached_directory(directory_fd) : detached_nothing();
        if (mount_fd < 0) {
                return error_set(error, mount_fd, "cannot mount the layer for the unpacker");
        }
        /* pivot_root(2) with the same directory twice stacks the old root on the new one, from
         * where it is unmounted. */
        if (move_mount(mount_fd, "", place_fd, "",
                       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ||
            fchdir(mount_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
            umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
                return error_set(error, errno, "cannot confine the unpacker to its layer");
        }
        return 0;
}

static int drop_capabilities(void)
{
        static const int kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,   CAP_FSETID,
                                    CAP_MKNOD, CAP_SETFCAP,      CAP_SYS_ADMIN };

        capng_clear(CAPNG_SELECT_BOTH);
        for (size_t i = 0; i < ELEMENTS_OF(kept); i++) {
                if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
                                 (unsigned int)kept[i]) < 0) {
                        return -EINVAL;
                }
        }
        return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static int set_limits(void)
{
        static const struct {
                int resource;
                rlim_t value;
        } limits[] = {
                { RLIMIT_CORE, 0 },
                { RLIMIT_NOFILE, FILES_MAX },
/* The address sanitizer maps terabytes. */
#if !defined(__SANITIZE_ADDRESS__)
                { RLIMIT_AS, MEMORY_MAX },
#endif
        };

        for (size_t i = 0; i < ELEMENTS_OF(limits); i++) {
                struct rlimit limit = { limits[i].value, limits[i].value };

                if (setrlimit(limits[i].resource, &limit) < 0) {
                        return -errno;
                }
        }
        return 0;
}

int sandbox_confine(struct machine_error *error)
{
        int r = set_limits();

        if (r == 0) {
                r = drop_capabilities();
        }
        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
                r = -errno;
        }
        if (r == 0) {
                r = sandbox_filter();
        }
        return r < 0 ? error_set(error, r, "cannot drop the unpacker's privileges") : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tool/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

static const char *const devices[TOOL_DEVICES] = { "/dev/null", "/dev/random", "/dev/urandom" };

/* ---- in the caller ---- */

static int clone_mount(int fd, const char *path, uint64_t attributes, bool recursive)
{
        struct mount_attr set = {
                .attr_set = attributes,
                .propagation = MS_PRIVATE,
        };
        unsigned int flags = recursive ? AT_RECURSIVE : 0;
        _cleanup_close_ int mount_fd =
                open_tree(fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);

        if (mount_fd < 0 ||
            mount_setattr(mount_fd, "", AT_EMPTY_PATH | flags, &set, sizeof set) < 0) {
                return -errno;
        }
        return TAKE_FD(mount_fd);
}

static int clone_files(const struct tool_run *run, struct tool_mounts *mounts,
                       struct machine_error *error)
{
        const struct tool_file *file = run->files;

        for (; file && file->name; file++) {
                int fd = clone_mount(file->fd, "",
                                     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                             (file->writable ? 0 : MOUNT_ATTR_RDONLY),
                                     false);

                if (fd < 0) {
                        return error_set(error, fd, "cannot give %s the file %s", run->tool->name,
                                         file->name);
                }
                mounts->files[mounts->count++] = fd;
        }
        return 0;
}

int tool_mounts_open(const struct tool_run *run, struct tool_mounts *ret,
                     struct machine_error *error)
{
        size_t count = 0;
        int r;

        *ret = (struct tool_mounts)TOOL_MOUNTS_INIT;
        while (run->files && run->files[count].name) {
                count++;
        }
        ret->files = calloc(count + 1, sizeof *ret->files);
        if (!ret->files) {
                return error_oom(error);
        }
        r = clone_files(run, ret, error);
        if (r < 0) {
                return r;
        }
        ret->usr = clone_mount(AT_FDCWD, "/usr",
                               MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, true);
        r = ret->usr;
        for (size_t i = 0; r >= 0 && i < TOOL_DEVICES; i++) {
                r = ret->devices[i] = clone_mount(AT_FDCWD, devices[i], MOUNT_ATTR_NOEXEC, false);
        }
        return r < 0 ? error_set(error, r, "cannot show the host's programs to %s", run->tool->name)
                     : 0;
}

void tool_mounts_clear(struct tool_mounts *mounts)
{
        for (size_t i = 0; i < mounts->count; i++) {
                fd_close(mounts->files[i]);
        }
        free(mounts->files);
        fd_close(mounts->usr);
        for (size_t i = 0; i < TOOL_DEVICES; i++) {
                fd_close(mounts->devices[i]);
        }
        *mounts = (struct tool_mounts)TOOL_MOUNTS_INIT;
}

/* ---- in the process of the tool ---- */

static int attach(int mount_fd, int root_fd, const char *name)
{
        return move_mount(mount_fd, "", root_fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

/* A mount point of the kind of what is mounted on it. */
static int attach_at(int mount_fd, int root_fd, const char *name)
{
        struct stat info;

        if (fstat(mount_fd, &info) < 0 ||
            (S_ISDIR(info.st_mode) ? mkdirat(root_fd, name, 0755)
                                   : mknodat(root_fd, name, S_IFREG | 0644, 0)) < 0) {
                return -errno;
        }
        return attach(mount_fd, root_fd, name);
}

/* /bin, /lib64 and so on lead into /usr. Where they are no links, the loader and the libraries are
 * in directories of their own, which are not shown: the tool then fails to start. */
static int copy_links(int root_fd)
{
        static const char *const names[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                char path[16] = "/", target[64];
                ssize_t length;

                strcpy(path + 1, names[i]);
                length = readlink(path, target, sizeof target - 1);
                if (length < 0) {
                        continue;
                }
                target[length] = '\0';
                if (symlinkat(target, root_fd, names[i]) < 0) {
                        return -errno;
                }
        }
        return 0;
}

static int make_tmpfs(uint64_t attributes)
{
        _cleanup_close_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
        int fd;

        if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
            fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
                return -errno;
        }
        fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned int)attributes);
        return fd < 0 ? -errno : fd;
}

static int fill_root(const struct tool_run *run, const struct tool_mounts *mounts, int root_fd)
{
        _cleanup_close_ int place = -EBADF;
        int r;

        if (mkdirat(root_fd, "dev", 0755) < 0 || mkdirat(root_fd, "tmp", 0700) < 0 ||
            mkdirat(root_fd, TOOL_PLACE + 1, 0755) < 0) {
                return -errno;
        }
        place = openat(root_fd, TOOL_PLACE + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = place < 0 ? -errno : copy_links(root_fd);
        if (r == 0) {
                r = attach_at(mounts->usr, root_fd, "usr");
        }
        for (size_t i = 0; r == 0 && i < TOOL_DEVICES; i++) {
                r = attach_at(mounts->devices[i], root_fd, devices[i] + 1);
        }
        for (size_t i = 0; r == 0 && i < mounts->count; i++) {
                r = attach_at(mounts->files[i], place, run->files[i].name);
        }
        return r;
}

/* A new root over "/usr", which then becomes "/": pivot_root(2) with the same directory twice
 * stacks the old root on the new one, from where it is unmounted. */
static int change_root(const struct tool_run *run, const struct tool_mounts *mounts)
{
        _cleanup_close_ int root_fd = make_tmpfs(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        int r;

        if (root_fd < 0) {
                return root_fd;
        }
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
                return -errno;
        }
        r = attach(root_fd, AT_FDCWD, "/usr");
        if (r == 0) {
                r = fill_root(run, mounts, root_fd);
        }
        if (r < 0) {
                return r;
        }
        return fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
                               umount2(".", MNT_DETACH) < 0 || chdir("/") < 0
                       ? -errno
                       : 0;
}

/* A program that uid 0 executes gets what is left in the bounding set. */
static int drop_capabilities(void)
{
        for (unsigned long capability = 0; capability <= CAP_LAST_CAP; capability++) {
                if (capability != CAP_DAC_READ_SEARCH &&
                    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL) {
                        return -errno;
                }
        }
        return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
}

static int drop_rights(void)
{
        const struct rlimit no_core = { 0, 0 };
        int r = setrlimit(RLIMIT_CORE, &no_core) < 0 ? -errno : drop_capabilities();

        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
                r = -errno;
        }
        return r;
}

int tool_confine(const struct tool_run *run, const struct tool_mounts *mounts,
                 const char **ret_step)
{
        int r;

        *ret_step = "make the root of its sandbox";
        r = change_root(run, mounts);
        if (r == 0) {
                *ret_step = "drop its privileges";
                r = drop_rights();
        }
        return r;
}

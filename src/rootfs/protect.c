/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/internal.h"
#include "rootfs/mount.h"

/* What the machine is not to read or not to write. Masks are covered with the inaccessible nodes
 * that this program made, never with the root's /dev/null, which is the root's to choose. */

enum protection {
        PROTECTION_FILE,      /* masked by the inaccessible file */
        PROTECTION_DIRECTORY, /* masked by the inaccessible directory */
        PROTECTION_READ_ONLY,
};

/* Files of procfs and sysfs that are not of a namespace; absent ones differ by kernel. */
static const struct {
        const char *path;
        bool in_sysfs; /* else in procfs */
        enum protection protection;
} protected_paths[] = {
        { "kallsyms", false, PROTECTION_FILE },
        { "kcore", false, PROTECTION_FILE },
        { "keys", false, PROTECTION_FILE },
        { "latency_stats", false, PROTECTION_FILE },
        { "sysrq-trigger", false, PROTECTION_FILE },
        { "timer_list", false, PROTECTION_FILE },
        { "acpi", false, PROTECTION_READ_ONLY },
        { "asound", false, PROTECTION_READ_ONLY },
        { "bus", false, PROTECTION_READ_ONLY },
        { "fs", false, PROTECTION_READ_ONLY },
        { "irq", false, PROTECTION_READ_ONLY },
        { "scsi", false, PROTECTION_READ_ONLY },
        { "firmware", true, PROTECTION_DIRECTORY },
        { "devices/virtual/powercap", true, PROTECTION_DIRECTORY },
};

/* Covers what target_fd (O_PATH) is with a clone of the node of its kind. */
static int mask(int target_fd, bool directory)
{
        _cleanup_close_ int clone = mount_clone(
                AT_FDCWD, directory ? INACCESSIBLE_DIRECTORY : INACCESSIBLE_FILE, false);

        return clone < 0 ? clone : mount_attach_over(clone, target_fd);
}

/* The target is opened first: a clone that is not used costs the kernel an RCU period to drop. */
static int mask_kernel(int directory_fd, const char *path, bool directory)
{
        _cleanup_close_ int target = openat(directory_fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        return target < 0 ? -errno : mask(target, directory);
}

/* Mounts a path on itself, read-only, with all that is mounted below it. */
static int make_read_only(int directory_fd, const char *name)
{
        _cleanup_close_ int fd = mount_clone(directory_fd, name, true);
        int r = fd < 0 ? fd : mount_set(fd, MOUNT_ATTR_RDONLY, true);

        if (r < 0) {
                return r;
        }
        return name[0] ? mount_attach(fd, directory_fd, name) : mount_attach_over(fd, directory_fd);
}

static int protect_kernel(struct rootfs *rootfs, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(protected_paths); i++) {
                int fd = protected_paths[i].in_sysfs ? rootfs->sys_fd : rootfs->proc_fd;
                const char *path = protected_paths[i].path;
                int r;

                if (protected_paths[i].protection == PROTECTION_READ_ONLY) {
                        r = make_read_only(fd, path);
                } else {
                        r = mask_kernel(fd, path,
                                        protected_paths[i].protection == PROTECTION_DIRECTORY);
                }
                if (r < 0 && r != -ENOENT) {
                        return error_set(error, r, "cannot protect /%s/%s",
                                         protected_paths[i].in_sysfs ? "sys" : "proc", path);
                }
        }
        return 0;
}

/* Sysctls of a network namespace of its own are the machine's to set. */
static int protect_sysctl(struct rootfs *rootfs, struct machine_error *error)
{
        _cleanup_close_ int network = -EBADF;
        int r;

        if (rootfs->machine->network.mode != MACHINE_NETWORK_HOST) {
                network = mount_clone(rootfs->proc_fd, "sys/net", false);
        }
        r = make_read_only(rootfs->proc_fd, "sys");
        if (r == 0 && network >= 0) {
                r = mount_attach(network, rootfs->proc_fd, "sys/net");
        }
        return r < 0 ? error_set(error, r, "cannot protect /proc/sys") : 0;
}

static int mask_listed(struct rootfs *rootfs, struct machine_error *error)
{
        STRV_FOREACH(path, rootfs->machine->security.masked_paths) {
                _cleanup_close_ int fd = path_open_in_root(rootfs->root_fd, *path, O_PATH, 0);
                struct stat info;
                int r = fd;

                if (fd == -ENOENT || fd == -ENOTDIR) {
                        continue;
                }
                if (fd >= 0) {
                        r = fstat(fd, &info) < 0 ? -errno : mask(fd, S_ISDIR(info.st_mode));
                }
                if (r < 0) {
                        return error_set(error, r, "cannot mask \"%s\"", *path);
                }
        }
        return 0;
}

static int seal_listed(struct rootfs *rootfs, struct machine_error *error)
{
        STRV_FOREACH(path, rootfs->machine->security.read_only_paths) {
                _cleanup_close_ int fd = path_open_in_root(rootfs->root_fd, *path, O_PATH, 0);
                int r;

                if (fd == -ENOENT || fd == -ENOTDIR) {
                        continue;
                }
                r = fd < 0 ? fd : make_read_only(fd, "");
                if (r < 0) {
                        return error_set(error, r, "cannot make \"%s\" read-only", *path);
                }
        }
        return 0;
}

int rootfs_protect(struct rootfs *rootfs, struct machine_error *error)
{
        int r = protect_kernel(rootfs, error);

        if (r == 0) {
                r = protect_sysctl(rootfs, error);
        }
        if (r == 0) {
                r = seal_listed(rootfs, error);
        }
        return r < 0 ? r : mask_listed(rootfs, error);
}

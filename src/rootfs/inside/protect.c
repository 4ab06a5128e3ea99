/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/mount.h"

/* Paths that the machine must not read or write. Masked paths are covered with inaccessible nodes
 * that this program created, never with the root's /dev/null, which the root controls. */

enum protection {
        PROTECTION_FILE,      /* masked by the inaccessible file */
        PROTECTION_DIRECTORY, /* masked by the inaccessible directory */
        PROTECTION_READ_ONLY,
};

/*
 * Files of procfs and sysfs that are not namespaced; not every kernel has all of them. This masks
 * the same files as Docker and Podman, and others with the same information: interrupt counts
 * reveal when a user types (GHSA-6fw5-f8r9-fgfm of moby), and /sys/kernel/irq has them as well.
 *
 * Readable on purpose: config.gz, which the kernel's package contains as well; stat, from which
 * programs compute the CPU load, and softirqs, whose sums it contains; /sys/dev/block, which has
 * the same names as /sys/block. /sys/fs/selinux is empty in a machine. timer_stats and sched_debug,
 * which others mask, were removed from procfs before Linux 6.1, the oldest supported kernel.
 */
static const struct {
        const char *path;
        bool in_sysfs; /* otherwise in procfs */
        enum protection protection;
} protected_paths[] = {
        { "acpi", false, PROTECTION_DIRECTORY },
        { "asound", false, PROTECTION_DIRECTORY },
        { "interrupts", false, PROTECTION_FILE },
        { "kallsyms", false, PROTECTION_FILE },
        { "kcore", false, PROTECTION_FILE },
        { "key-users", false, PROTECTION_FILE },
        { "keys", false, PROTECTION_FILE },
        { "latency_stats", false, PROTECTION_FILE },
        { "schedstat", false, PROTECTION_FILE },
        { "scsi", false, PROTECTION_DIRECTORY },
        { "sysrq-trigger", false, PROTECTION_FILE },
        { "timer_list", false, PROTECTION_FILE },
        { "bus", false, PROTECTION_READ_ONLY },
        { "fs", false, PROTECTION_READ_ONLY },
        { "irq", false, PROTECTION_READ_ONLY },
        { "firmware", true, PROTECTION_DIRECTORY },
        { "kernel/irq", true, PROTECTION_DIRECTORY },
        { "devices/virtual/powercap", true, PROTECTION_DIRECTORY },
};

/* Covers target_fd (O_PATH) with a clone of the inaccessible node of its kind. */
static int mask(int target_fd, bool directory)
{
        _cleanup_close_ int clone = mount_clone(
                AT_FDCWD, directory ? INACCESSIBLE_DIRECTORY : INACCESSIBLE_FILE, false);

        return clone < 0 ? clone : mount_attach_over(clone, target_fd);
}

/* The target is opened first: dropping an unused clone takes an RCU grace period. */
static int mask_kernel(int directory_fd, const char *path, bool directory)
{
        _cleanup_close_ int target = openat(directory_fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        return target < 0 ? -errno : mask(target, directory);
}

/* Mounts a path on itself, read-only, including all mounts below it. */
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

/* Throttling counts of a processor reveal its use by others. Drivers that have the directory have
 * it for every processor: if the first has none, no other has. */
static int protect_processors(struct rootfs *rootfs, struct machine_error *error)
{
        char path[64] = "devices/system/cpu/cpu0/thermal_throttle";
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int r;

        if (faccessat(rootfs->sys_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
                return 0;
        }
        r = directory_open_at(rootfs->sys_fd, "devices/system/cpu", &directory);
        if (r < 0) {
                return error_set(error, r, "cannot open /sys/devices/system/cpu");
        }
        while ((entry = directory_next(directory))) {
                unsigned int number;

                if (sscanf(entry->d_name, "cpu%u", &number) != 1) {
                        continue;
                }
                (void)snprintf(path, sizeof path, "cpu%u/thermal_throttle", number);
                r = mask_kernel(dirfd(directory), path, true);
                if (r < 0 && r != -ENOENT) {
                        return error_set(error, r, "cannot protect /sys/devices/system/cpu/%s",
                                         path);
                }
        }
        return 0;
}

/* A machine with its own network namespace may set its sysctls. */
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
        int r = 0;

        if (!rootfs->machine->bare) {
                r = protect_kernel(rootfs, error);
        }
        if (r == 0 && !rootfs->machine->bare) {
                r = protect_processors(rootfs, error);
        }
        if (r == 0 && !rootfs->machine->bare) {
                r = protect_sysctl(rootfs, error);
        }
        if (r == 0) {
                r = seal_listed(rootfs, error);
        }
        return r < 0 ? r : mask_listed(rootfs, error);
}

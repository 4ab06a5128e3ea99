/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/path.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/mount.h"

/* /dev is a tmpfs of the parent's. A process in a user namespace can neither create device nodes
 * nor use those on a file system that it mounted itself (SB_I_NODEV). It can use nodes that root of
 * the host created on a tmpfs that root of the host mounted, so no node of the host needs to be
 * bound, unless a user starts the machine. The root's own /dev is never used. */

static const struct {
        const char *name;
        unsigned int major;
        unsigned int minor;
} nodes[] = {
        { "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
        { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
        const char *name;
        const char *target;
} links[] = {
        { "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
        { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
        { "core", "/proc/kcore" },       { "ptmx", "pts/ptmx" },
};

static const char *const directories[] = { "pts", "shm", "mqueue" };

/* The tty group in every distribution. An id map may be too short to include it. */
#define TTY_GROUP 5

static int make_nodes(int fd, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(nodes); i++) {
                if (mknodat(fd, nodes[i].name, S_IFCHR | 0666,
                            makedev(nodes[i].major, nodes[i].minor)) < 0) {
                        int r = error_set(error, errno, "cannot create the device node /dev/%s",
                                          nodes[i].name);

                        error_hint(error, "this needs CAP_MKNOD: run it as root of the host, not "
                                          "inside another container");
                        return r;
                }
        }
        return 0;
}

/* A user cannot create nodes: those of the host are bound, which he may open anyway. */
static int bind_nodes(int fd, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(nodes); i++) {
                _cleanup_free_ char *source = path_join("/dev", nodes[i].name);
                const struct stat wanted = {
                        .st_mode = S_IFCHR,
                        .st_rdev = makedev(nodes[i].major, nodes[i].minor),
                };
                int r = source ? device_bind(fd, nodes[i].name, source, &wanted, error)
                               : error_oom(error);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int dev_make_links(int fd, bool keep, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(links); i++) {
                if (symlinkat(links[i].target, fd, links[i].name) < 0 &&
                    !(keep && errno == EEXIST)) {
                        return error_set(error, errno, "cannot create the link /dev/%s",
                                         links[i].name);
                }
        }
        return 0;
}

static int fill_dev(int fd, struct machine_error *error)
{
        int r = dev_make_links(fd, false, error);

        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < ELEMENTS_OF(directories); i++) {
                if (mkdirat(fd, directories[i], 0755) < 0) {
                        return error_set(error, errno, "cannot create the directory /dev/%s",
                                         directories[i]);
                }
        }
        return 0;
}

int dev_stage(struct rootfs *rootfs, struct machine_error *error)
{
        char uid[16], gid[16];
        const struct mount_option options[] = {
                { "mode", "0755" }, { "size", "4m" }, { "nr_inodes", "64k" },
                { "uid", uid },     { "gid", gid },   { NULL, NULL },
        };
        _cleanup_close_ int fd = -EBADF;
        int r;

        snprintf(uid, sizeof uid, "%u", rootfs->identity.uid);
        snprintf(gid, sizeof gid, "%u", rootfs->identity.gid);
        fd = mount_new("tmpfs", options,
                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME, error);
        if (fd < 0) {
                return fd;
        }
        /* Nodes can be bound in it only once it is attached. */
        r = mkdirat(rootfs->scratch_fd, STAGE_DEV, 0755) < 0
                    ? -errno
                    : mount_attach(fd, rootfs->scratch_fd, STAGE_DEV);
        if (r < 0) {
                return error_set(error, r, "cannot stage /dev");
        }
        r = rootfs->by_user ? bind_nodes(fd, error) : make_nodes(fd, error);
        if (r == 0) {
                r = fill_dev(fd, error);
        }
        return r < 0 ? r : devices_stage(rootfs, fd, error);
}

static int mount_in_dev(struct rootfs *rootfs, const char *type, const char *name,
                        const struct mount_option *options, uint64_t attributes,
                        struct machine_error *error)
{
        int r, fd = mount_new(type, options, attributes, error);

        if (fd < 0) {
                error_prefix(error, "cannot mount /dev/%s", name);
                return fd;
        }
        r = mount_attach(fd, rootfs->dev_fd, name);
        if (r < 0) {
                fd_close(fd);
                return error_set(error, r, "cannot mount /dev/%s", name);
        }
        return fd;
}

static int mount_pts(struct rootfs *rootfs, struct machine_error *error)
{
        bool has_group = rootfs->id_count == 0 || rootfs->id_count > TTY_GROUP;
        /* Every mount is a new instance since Linux 4.7. */
        const struct mount_option options[] = {
                { "ptmxmode", "0666" },
                { "mode", "620" },
                { has_group ? "gid" : NULL, "5" },
                { NULL, NULL },
        };

        rootfs->pts_fd = mount_in_dev(rootfs, "devpts", "pts", options,
                                      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, error);
        return rootfs->pts_fd < 0 ? rootfs->pts_fd : 0;
}

/* A message queue file system belongs to an IPC namespace; a machine with a user namespace cannot
 * mount the host's. */
static void mount_queues(struct rootfs *rootfs)
{
        struct machine_error reason = MACHINE_ERROR_INIT;
        int fd = mount_in_dev(rootfs, "mqueue", "mqueue", NULL, MOUNT_ATTR_PSEUDO, &reason);

        if (fd < 0) {
                rootfs_note(rootfs, "no /dev/mqueue in the machine: %s",
                            reason.message ? reason.message : "");
        }
        fd_close(fd);
        machine_error_clear(&reason);
}

int rootfs_dev(struct rootfs *rootfs, struct machine_error *error)
{
        static const struct mount_option shm_options[] = { { "mode", "1777" },
                                                           { "size", "10%" },
                                                           { NULL, NULL } };
        _cleanup_close_ int place = rootfs_place(rootfs, "dev", error);
        _cleanup_close_ int shm = -EBADF;
        int r;

        if (place < 0) {
                return place;
        }
        /* With the nodes bound in it, which are locked in place. */
        rootfs->dev_fd = mount_clone(AT_FDCWD, STAGE_DEV, rootfs->by_user);
        if (rootfs->dev_fd < 0) {
                return error_set(error, rootfs->dev_fd, "cannot clone the mount of /dev");
        }
        r = mount_attach_over(rootfs->dev_fd, place);
        if (r < 0) {
                return error_set(error, r, "cannot mount /dev");
        }
        r = mount_pts(rootfs, error);
        if (r < 0) {
                return r;
        }
        shm = mount_in_dev(rootfs, "tmpfs", "shm", shm_options,
                           MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, error);
        if (shm < 0) {
                return shm;
        }
        mount_queues(rootfs);
        return 0;
}

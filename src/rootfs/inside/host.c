/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/mount.h"

/* /run/host: information from the host, as specified by systemd's Container Interface. It is
 * writable for the parent and read-only for the machine. */

#define OS_RELEASE_MAXIMUM (64 * 1024)

/* The nodes that cover masked paths; a service manager in the machine uses them, and the others,
 * for its services as well. Mode 0: directories cannot even be listed. */
static const struct {
        const char *name;
        mode_t type;
        bool covers; /* masked paths */
} inaccessible[] = {
        { "reg", S_IFREG, true },    { "dir", S_IFDIR, true },  { "fifo", S_IFIFO, false },
        { "sock", S_IFSOCK, false }, { "chr", S_IFCHR, false }, { "blk", S_IFBLK, false },
};

/* What callers of OCI runtimes know a masked file by. It is not the root's, which controls its own.
 */
static int make_null(int directory_fd, const char *name)
{
        mode_t mask = umask(0);
        int r = mknodat(directory_fd, name, S_IFCHR | 0666, makedev(1, 3)) < 0 ? -errno : 0;

        (void)umask(mask);
        return r;
}

static int make_node(const struct rootfs *rootfs, int directory_fd, size_t index)
{
        const char *name = inaccessible[index].name;
        mode_t type = inaccessible[index].type;

        /* A bundle's container does not see them. A user can make no device; systemd uses a file
         * where one is missing. */
        if ((rootfs->machine->bare && !inaccessible[index].covers) ||
            (rootfs->by_user && type == S_IFBLK)) {
                return 0;
        }
        if (rootfs->machine->bare && !rootfs->by_user && type == S_IFREG) {
                return make_null(directory_fd, name);
        }
        return (type == S_IFDIR ? mkdirat(directory_fd, name, 0)
                                : mknodat(directory_fd, name, type, makedev(0, 0))) < 0
                       ? -errno
                       : 0;
}

static int make_inaccessible(const struct rootfs *rootfs, struct machine_error *error)
{
        int host_fd = rootfs->host_fd;
        _cleanup_close_ int fd = -EBADF;

        if (mkdirat(host_fd, "inaccessible", 0755) < 0) {
                return error_set(error, errno, "cannot create /run/host/inaccessible");
        }
        fd = openat(host_fd, "inaccessible", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                return error_set(error, errno, "cannot open /run/host/inaccessible");
        }
        for (size_t i = 0; i < ELEMENTS_OF(inaccessible); i++) {
                int r = make_node(rootfs, fd, i);

                if (r < 0) {
                        return error_set(error, r, "cannot create /run/host/inaccessible/%s",
                                         inaccessible[i].name);
                }
        }
        return 0;
}

int rootfs_write_file(int directory_fd, const char *name, const void *data, size_t length,
                      mode_t mode)
{
        _cleanup_close_ int fd = openat(directory_fd, name,
                                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

        return fd < 0 ? -errno : file_write_all(fd, data, length);
}

static int write_text(int directory_fd, const char *name, const char *text,
                      struct machine_error *error)
{
        int r = rootfs_write_file(directory_fd, name, text, strlen(text), 0444);

        return r < 0 ? error_set(error, r, "cannot write /run/host/%s", name) : 0;
}

/* os-release(5): /etc takes precedence over /usr/lib. The host may have neither. */
static int write_os_release(int host_fd, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAXIMUM, &text, NULL);

        if (r < 0) {
                r = file_read(AT_FDCWD, "/usr/lib/os-release", OS_RELEASE_MAXIMUM, &text, NULL);
        }
        return r < 0 ? 0 : write_text(host_fd, "os-release", text, error);
}

static int write_uuid(int host_fd, const char *id, struct machine_error *error)
{
        char text[64];

        if (!id || strlen(id) != 32) {
                return 0;
        }
        snprintf(text, sizeof text, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16,
                 id + 20);
        return write_text(host_fd, "container-uuid", text, error);
}

/* The machine's side is a mount of its own, read-only: locked in the copy that a less privileged
 * namespace gets. The null device of a container is usable there. */
static int stage_read_only(struct rootfs *rootfs, struct machine_error *error)
{
        _cleanup_close_ int fd = mount_clone(rootfs->scratch_fd, STAGE_HOST, false);
        struct mount_attr attributes = {
                .attr_set = MOUNT_ATTR_RDONLY,
                .attr_clr = rootfs->machine->bare && !rootfs->by_user ? MOUNT_ATTR_NODEV : 0,
        };
        int r = fd;

        if (fd >= 0) {
                r = mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0
                            ? -errno
                            : 0;
        }
        if (r == 0) {
                r = mount_attach(fd, rootfs->scratch_fd, STAGE_HOST);
        }
        return r < 0 ? error_set(error, r, "cannot stage /run/host") : 0;
}

int host_stage(struct rootfs *rootfs, const char *machine_id, struct machine_error *error)
{
        int r;

        if (mkdirat(rootfs->scratch_fd, STAGE_HOST, 0755) < 0) {
                return error_set(error, errno, "cannot stage /run/host");
        }
        rootfs->host_fd = openat(rootfs->scratch_fd, STAGE_HOST, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (rootfs->host_fd < 0 ||
            (!rootfs->machine->bare && mkdirat(rootfs->host_fd, "credentials", 0755) < 0)) {
                return error_set(error, errno, "cannot stage /run/host");
        }
        r = make_inaccessible(rootfs, error);
        if (r == 0 && rootfs->machine->bare) {
                return stage_read_only(rootfs, error);
        }
        if (r == 0) {
                r = write_text(rootfs->host_fd, "container-manager", "machinectl-lite", error);
        }
        if (r == 0) {
                r = write_uuid(rootfs->host_fd, machine_id, error);
        }
        if (r == 0) {
                r = write_os_release(rootfs->host_fd, error);
        }
        return r < 0 ? r : stage_read_only(rootfs, error);
}

/* A service manager expects them to be empty, as after any boot. */
static int mount_boot(struct rootfs *rootfs, const char *name, const char *mode, const char *size,
                      struct machine_error *error)
{
        const struct mount_option options[] = { { "mode", mode },
                                                { "size", size },
                                                { NULL, NULL } };
        _cleanup_close_ int place = rootfs_place(rootfs, name, error);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (place < 0) {
                return place;
        }
        fd = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, error);
        if (fd < 0) {
                error_prefix(error, "cannot mount /%s", name);
                return fd;
        }
        r = mount_attach_over(fd, place);
        return r < 0 ? error_set(error, r, "cannot mount /%s", name) : 0;
}

static int open_host_place(struct rootfs *rootfs, struct machine_error *error)
{
        _cleanup_close_ int run = rootfs_place(rootfs, "run", error);

        return run < 0 ? run : rootfs_place(rootfs, "run/host", error);
}

/* Settings of the definition are passed through /run/host. */
static bool needs_host_directory(const struct machine *machine)
{
        return machine->credential_count > 0 || machine->life.ready == MACHINE_READY_NOTIFY;
}

int rootfs_boot(struct rootfs *rootfs, struct machine_error *error)
{
        int r = mount_boot(rootfs, "run", "0755", "20%", error);

        return r < 0 ? r : mount_boot(rootfs, "tmp", "1777", "10%", error);
}

int rootfs_host(struct rootfs *rootfs, struct machine_error *error)
{
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        _cleanup_close_ int place = open_host_place(rootfs, &reason);
        int r;

        if (place == -EROFS && !needs_host_directory(rootfs->machine)) {
                rootfs_note(rootfs, "no /run/host in the machine: its root has no such directory "
                                    "and is read-only");
                return 0;
        }
        if (place < 0) {
                error_move(error, &reason);
                return place;
        }
        rootfs->run_host_fd = mount_clone(AT_FDCWD, STAGE_HOST, false);
        r = rootfs->run_host_fd < 0 ? rootfs->run_host_fd
                                    : mount_attach_over(rootfs->run_host_fd, place);
        return r < 0 ? error_set(error, r, "cannot mount /run/host") : 0;
}

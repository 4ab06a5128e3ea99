/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/mount.h"

/* Files in /etc that this program provides unless the definition mounts something there. Each is
 * written on the scratch and mounted over the root's own file: nothing is written to a root that
 * may be shared or read-only, and the existing entry is neither opened nor followed, even if it is
 * a link: move_mount(2) mounts over the link itself. */

static int write_etc(struct rootfs *rootfs, int etc_fd, const char *name, char *text,
                     struct machine_error *error)
{
        _cleanup_free_ char *owned = text;
        int r;

        if (!owned) {
                return error_oom(error);
        }
        r = rootfs_write_file(etc_fd, name, owned, strlen(owned),
                              string_equal(name, "machine-id") ? 0444 : 0644);
        return r < 0 ? error_set(error, r, "cannot write the machine's /etc/%s", name) : 0;
}

/* A bind of the file itself: later changes are visible in the machine, which cannot write to it. */
static int stage_hosts(int etc_fd, const char *path, struct machine_error *error)
{
        const struct tree_attributes attributes = {
                .set = MOUNT_ATTR_PSEUDO | MOUNT_ATTR_RDONLY,
                .propagation = MS_PRIVATE,
                .user_namespace_fd = -EBADF,
        };
        _cleanup_close_ int clone = -EBADF;
        int r = path ? rootfs_write_file(etc_fd, "hosts", "", 0, 0644) : 0;

        if (!path || r < 0) {
                return r < 0 ? error_set(error, r, "cannot stage the machine's /etc/hosts") : 0;
        }
        clone = mount_clone(AT_FDCWD, path, false);
        if (clone < 0) {
                return error_set(error, clone, "cannot open the hosts file %s", path);
        }
        r = tree_set_attributes(clone, &attributes, "hosts file", path, error);
        if (r < 0) {
                return r;
        }
        r = mount_attach(clone, etc_fd, "hosts");
        return r < 0 ? error_set(error, r, "cannot give the machine the hosts file %s", path) : 0;
}

int files_stage(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                struct machine_error *error)
{
        const struct machine *machine = rootfs->machine;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (mkdirat(rootfs->scratch_fd, STAGE_ETC, 0755) < 0) {
                return error_set(error, errno, "cannot stage the machine's /etc");
        }
        fd = openat(rootfs->scratch_fd, STAGE_ETC, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                return error_set(error, errno, "cannot stage the machine's /etc");
        }
        r = stage_hosts(fd, parameters->hosts_path, error);
        if (r == 0 && !parameters->hosts_path && parameters->hosts_text) {
                r = write_etc(rootfs, fd, "hosts", strdup(parameters->hosts_text), error);
        }
        if (r == 0) {
                r = write_etc(rootfs, fd, "hostname",
                              string_format("%s\n",
                                            machine->hostname ? machine->hostname : machine->name),
                              error);
        }
        if (r == 0 && parameters->machine_id) {
                r = write_etc(rootfs, fd, "machine-id",
                              string_format("%s\n", parameters->machine_id), error);
        }
        return r < 0 ? r : resolver_stage(rootfs, parameters, fd, error);
}

/* Whether a file or directory of the root is a mount of the definition. Compares mount ids, not
 * paths: a link in the root may lead to it. */
static bool is_users(struct rootfs *rootfs, const char *path)
{
        _cleanup_close_ int fd = rootfs->machine->mount_count > 0
                                         ? path_open_in_root(rootfs->root_fd, path, O_PATH, 0)
                                         : -ENOENT;
        uint64_t id;

        if (fd < 0 || mount_id(fd, "", &id) < 0) {
                return false;
        }
        for (size_t i = 0; i < rootfs->machine->mount_count; i++) {
                if (rootfs->mounts[i].id == id) {
                        return true;
                }
        }
        return false;
}

/* Mounts a file over an entry of the root's /etc, which is created if missing. */
static int cover(struct rootfs *rootfs, int etc_fd, const char *name, int mount_fd,
                 struct machine_error *error)
{
        int r = mount_attach(mount_fd, etc_fd, name);

        if (r == -ENOENT) {
                r = rootfs_write_file(etc_fd, name, "", 0, 0644);
                if (r == -EROFS || (r == -EACCES && rootfs->by_user)) {
                        rootfs_note(rootfs,
                                    "no /etc/%s in the machine: its root has none and is "
                                    "read-only%s",
                                    name, r == -EACCES ? ", and not the user's" : "");
                        return 0;
                }
                r = r < 0 ? r : mount_attach(mount_fd, etc_fd, name);
        }
        return r < 0 ? error_set(error, r, "cannot give the machine its /etc/%s", name) : 0;
}

static int cover_staged(struct rootfs *rootfs, int etc_fd, const char *name,
                        struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(STAGE_ETC, name);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!path) {
                return error_oom(error);
        }
        fd = mount_clone(AT_FDCWD, path, false);
        if (fd == -ENOENT) {
                return 0;
        }
        r = fd < 0 ? fd : 0;
        if (r == 0 && (rootfs->read_only || rootfs->machine->root.read_only)) {
                r = mount_set(fd, MOUNT_ATTR_RDONLY, false);
        }
        if (r < 0) {
                return error_set(error, r, "cannot give the machine its /etc/%s", name);
        }
        return cover(rootfs, etc_fd, name, fd, error);
}

/* Uses the root's own zone file: its C library may use another format, or have newer rules than the
 * host's. */
static int cover_timezone(struct rootfs *rootfs, int etc_fd, struct machine_error *error)
{
        const char *zone = rootfs->machine->timezone;
        _cleanup_free_ char *path = path_join("/usr/share/zoneinfo", zone);
        _cleanup_close_ int file = -EBADF, clone = -EBADF;
        struct stat info;
        int r;

        if (!path) {
                return error_oom(error);
        }
        file = path_open_in_root(rootfs->root_fd, path, O_PATH, 0);
        if (file < 0 || fstat(file, &info) < 0 || !S_ISREG(info.st_mode)) {
                r = error_say(error, ENOENT, "the root has no timezone \"%s\" (%s)", zone, path);
                error_hint(error, "install the timezone data (tzdata) in the root");
                return r;
        }
        clone = mount_clone(file, "", false);
        r = clone < 0 ? clone : mount_set(clone, MOUNT_ATTR_PSEUDO | MOUNT_ATTR_RDONLY, false);
        if (r < 0) {
                return error_set(error, r, "cannot set the timezone \"%s\"", zone);
        }
        return cover(rootfs, etc_fd, "localtime", clone, error);
}

/* A resolver in the machine may own /etc/resolv.conf: if it is a link into /run, where the resolver
 * writes it once it runs, it must not be covered. */
static bool leaves_resolver(struct rootfs *rootfs, int etc_fd)
{
        struct stat info;

        return rootfs->machine->process.boot &&
               fstatat(etc_fd, "resolv.conf", &info, AT_SYMLINK_NOFOLLOW) == 0 &&
               S_ISLNK(info.st_mode);
}

int rootfs_files(struct rootfs *rootfs, struct machine_error *error)
{
        static const struct {
                const char *name;
                const char *path;
        } files[] = {
                { "hosts", "etc/hosts" },
                { "hostname", "etc/hostname" },
                { "machine-id", "etc/machine-id" },
                { "resolv.conf", "etc/resolv.conf" },
        };
        _cleanup_close_ int etc_fd =
                path_make_directory_in_root(rootfs->root_fd, "etc", 0755, 0, 0);
        int r;

        if (etc_fd == -EROFS) {
                rootfs_note(rootfs, "the machine's root has no /etc and is read-only");
                return 0;
        }
        if (etc_fd < 0) {
                error_set(error, etc_fd, "cannot use /etc of the root");
                error_hint(error, "make /etc a directory in the root, or a link to one there");
                return etc_fd;
        }
        /* The definition mounts all of /etc: nothing is written to it or mounted over it. */
        if (is_users(rootfs, "etc")) {
                return 0;
        }
        for (size_t i = 0; i < ELEMENTS_OF(files); i++) {
                const char *name = files[i].name;

                if (is_users(rootfs, files[i].path) ||
                    (string_equal(name, "resolv.conf") && leaves_resolver(rootfs, etc_fd))) {
                        continue;
                }
                r = cover_staged(rootfs, etc_fd, name, error);
                if (r < 0) {
                        return r;
                }
        }
        return rootfs->machine->timezone && !is_users(rootfs, "etc/localtime")
                       ? cover_timezone(rootfs, etc_fd, error)
                       : 0;
}

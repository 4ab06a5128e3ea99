/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/idmap.h"
#include "rootfs/internal.h"
#include "rootfs/mount.h"
#include "rootfs/names.h"

/* Files of the root's /etc that this program gives. Each is written on the scratch and mounted over
 * the root's own: nothing is written into a root that others may share or that is read-only, and
 * what the root has there is neither opened nor followed, a link included: move_mount(2) mounts
 * over the link itself. */

#define RESOLVER_MAXIMUM (64 * 1024)

/* Where systemd-resolved, which answers on the loopback, writes the servers that it asks. */
#define RESOLVED_SERVERS "/run/systemd/resolve/resolv.conf"

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

static int resolver_text(const struct rootfs_parameters *parameters, const char *path, char **ret,
                         unsigned int *ret_servers)
{
        const struct machine_network *network = &parameters->machine->network;
        _cleanup_free_ char *host = NULL;
        int r = file_read(AT_FDCWD, path, RESOLVER_MAXIMUM, &host, NULL);

        if (r == -ENOMEM) {
                return r;
        }
        *ret = names_resolver(network->dns, network->search, host,
                              network->mode == MACHINE_NETWORK_HOST, ret_servers);
        return *ret ? 0 : -ENOMEM;
}

static int write_resolver(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                          int etc_fd, struct machine_error *error)
{
        const struct machine_network *network = &parameters->machine->network;
        _cleanup_free_ char *text = NULL;
        unsigned int count;

        /* A machine without a network asks nobody, unless it is told to. */
        if (network->mode == MACHINE_NETWORK_NONE && strv_length(network->dns) == 0) {
                return 0;
        }
        if (resolver_text(parameters, "/etc/resolv.conf", &text, &count) < 0) {
                return error_oom(error);
        }
        if (count == 0) {
                free(TAKE_PTR(text));
                if (resolver_text(parameters, RESOLVED_SERVERS, &text, &count) < 0) {
                        return error_oom(error);
                }
                if (count == 0) {
                        rootfs_note(rootfs, "the host has no name server that a machine with a "
                                            "network of its own can reach; network.dns names one");
                }
        }
        return write_etc(rootfs, etc_fd, "resolv.conf", TAKE_PTR(text), error);
}

/* A bind of the file itself: what is written to it later shows in the machine, whose own it is not
 * to write. */
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
        return r < 0 ? r : write_resolver(rootfs, parameters, fd, error);
}

/* Mounts a file over an entry of the root's /etc, which is made where it is missing. */
static int cover(struct rootfs *rootfs, int etc_fd, const char *name, int mount_fd,
                 struct machine_error *error)
{
        int r = mount_attach(mount_fd, etc_fd, name);

        if (r == -ENOENT) {
                r = rootfs_write_file(etc_fd, name, "", 0, 0644);
                if (r == -EROFS) {
                        rootfs_note(rootfs,
                                    "no /etc/%s in the machine: its root has none and is "
                                    "read-only",
                                    name);
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

/* The root's own description of the zone: its C library may know another format, or newer rules
 * than the host's. */
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

/* A service manager's resolver may own /etc/resolv.conf: where it is a link into /run, which the
 * resolver fills once it runs, covering it would get in its way. */
static bool leaves_resolver(struct rootfs *rootfs, int etc_fd)
{
        struct stat info;

        return rootfs->machine->process.boot &&
               fstatat(etc_fd, "resolv.conf", &info, AT_SYMLINK_NOFOLLOW) == 0 &&
               S_ISLNK(info.st_mode);
}

int rootfs_files(struct rootfs *rootfs, struct machine_error *error)
{
        static const char *const names[] = { "hosts", "hostname", "machine-id", "resolv.conf" };
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
        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                if (string_equal(names[i], "resolv.conf") && leaves_resolver(rootfs, etc_fd)) {
                        continue;
                }
                r = cover_staged(rootfs, etc_fd, names[i], error);
                if (r < 0) {
                        return r;
                }
        }
        return rootfs->machine->timezone ? cover_timezone(rootfs, etc_fd, error) : 0;
}

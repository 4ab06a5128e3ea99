/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/bare/bare.h"
#include "rootfs/mount/mount.h"

/* A process in a user namespace can make no device nodes. It can use those that root of the host
 * made, so the parent makes them on the scratch, and the child binds each to its place. Without a
 * user namespace the child makes them itself. A parent who is a user himself puts the host's own
 * nodes on the scratch. */

#define STAGE_NODES "nodes"

/* What every container has (runtime specification, "Default Devices"). */
static const struct machine_node defaults[] = {
        { "/dev/null", 'c', 1, 3, MACHINE_UNSET, 0, 0 },
        { "/dev/zero", 'c', 1, 5, MACHINE_UNSET, 0, 0 },
        { "/dev/full", 'c', 1, 7, MACHINE_UNSET, 0, 0 },
        { "/dev/random", 'c', 1, 8, MACHINE_UNSET, 0, 0 },
        { "/dev/urandom", 'c', 1, 9, MACHINE_UNSET, 0, 0 },
        { "/dev/tty", 'c', 5, 0, MACHINE_UNSET, 0, 0 },
};

static mode_t mode_of(const struct machine_node *node)
{
        mode_t type = node->type == 'b' ? S_IFBLK : node->type == 'p' ? S_IFIFO : S_IFCHR;

        return type | (node->mode == MACHINE_UNSET ? 0666 : (mode_t)node->mode);
}

/* A bundle that has the host's /dev, or one of its own, gets no nodes in it. */
static bool has_own_dev(const struct machine *machine)
{
        for (size_t i = 0; i < machine->mount_count; i++) {
                if (machine->mounts[i].type == MACHINE_MOUNT_BIND &&
                    string_equal(machine->mounts[i].target, "/dev")) {
                        return true;
                }
        }
        return false;
}

static bool binds_nodes(const struct rootfs *rootfs)
{
        return rootfs->identity.mapped || rootfs->by_user;
}

static const struct machine_node *node_at(const struct machine *machine, size_t index)
{
        return index < ELEMENTS_OF(defaults) ? &defaults[index]
                                             : &machine->nodes[index - ELEMENTS_OF(defaults)];
}

static size_t count_of(const struct machine *machine)
{
        return ELEMENTS_OF(defaults) + machine->node_count;
}

static int node_error(const struct rootfs *rootfs, size_t index, int number, const char *what,
                      struct machine_error *error)
{
        const struct machine_node *node = node_at(rootfs->machine, index);

        error_set(error, number, "%s the node \"%s\"", what, node->path);
        if (index >= ELEMENTS_OF(defaults)) {
                error_prefix(error, "linux.devices[%zu]", index - ELEMENTS_OF(defaults));
        }
        return -(number < 0 ? -number : number);
}

/* ---- parent ---- */

/* The host's id of one of the machine. One that does not exist there stays, and is nobody's. */
static uint32_t host_id(const struct machine_id_map *lines, size_t count, uint32_t id)
{
        for (size_t i = 0; i < count; i++) {
                if (id >= lines[i].machine && id - lines[i].machine < lines[i].count) {
                        return lines[i].host + (id - lines[i].machine);
                }
        }
        return id;
}

static int stage_node(struct rootfs *rootfs, int directory, size_t index,
                      struct machine_error *error)
{
        const struct machine_node *node = node_at(rootfs->machine, index);
        const struct machine_id_maps *maps = &rootfs->machine->namespaces.maps;
        char name[STAGE_NAME_BYTES];

        snprintf(name, sizeof name, "%zu", index);
        if (mknodat(directory, name, mode_of(node), makedev(node->major, node->minor)) < 0 ||
            fchownat(directory, name, host_id(maps->uids, maps->uid_count, node->uid),
                     host_id(maps->gids, maps->gid_count, node->gid), AT_SYMLINK_NOFOLLOW) < 0) {
                return node_error(rootfs, index, errno, "cannot create", error);
        }
        return 0;
}

static bool is_the_node(const struct stat *info, const struct machine_node *node)
{
        return (info->st_mode & S_IFMT) == (mode_of(node) & S_IFMT) &&
               (node->type == 'p' || info->st_rdev == makedev(node->major, node->minor));
}

/* The host has it at the same path, or the user cannot have it. Its owner and mode stay. */
static int stage_node_of_host(struct rootfs *rootfs, int directory, size_t index,
                              struct machine_error *error)
{
        const struct machine_node *node = node_at(rootfs->machine, index);
        _cleanup_close_ int fd = -EBADF, clone = -EBADF;
        char name[STAGE_NAME_BYTES];
        struct stat info;

        snprintf(name, sizeof name, "%zu", index);
        fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        clone = mount_clone(AT_FDCWD, node->path, false);
        if (fd < 0 || clone < 0 || fstat(clone, &info) < 0) {
                return node_error(rootfs, index, clone < 0 ? clone : errno,
                                  "cannot take from the host", error);
        }
        if (!is_the_node(&info, node)) {
                return node_error(rootfs, index, EPERM,
                                  "the host has another file, and only root can create,", error);
        }
        return mount_attach(clone, directory, name) < 0
                       ? node_error(rootfs, index, errno, "cannot stage", error)
                       : 0;
}

int bare_stage_nodes(struct rootfs *rootfs, struct machine_error *error)
{
        static const struct mount_option options[] = { { "mode", "0755" }, { NULL, NULL } };
        _cleanup_close_ int fd = -EBADF;
        int r = 0;

        if (!binds_nodes(rootfs)) {
                return 0;
        }
        fd = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, error);
        if (fd < 0) {
                return fd;
        }
        r = mkdirat(rootfs->scratch_fd, STAGE_NODES, 0755) < 0
                    ? -errno
                    : mount_attach(fd, rootfs->scratch_fd, STAGE_NODES);
        if (r < 0) {
                return error_set(error, r, "cannot stage the nodes of devices");
        }
        for (size_t i = 0; i < count_of(rootfs->machine) && r == 0; i++) {
                r = node_at(rootfs->machine, i)->type == 'p' ? 0
                    : rootfs->by_user ? stage_node_of_host(rootfs, fd, i, error)
                                      : stage_node(rootfs, fd, i, error);
        }
        return r;
}

/* ---- child ---- */

static int make_node(int parent, const char *name, const struct machine_node *node)
{
        mode_t mask = umask(0);
        int r = mknodat(parent, name, mode_of(node), makedev(node->major, node->minor)) < 0 ? -errno
                                                                                            : 0;

        (void)umask(mask);
        if (r == 0 && (node->uid || node->gid) &&
            fchownat(parent, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0) {
                r = -errno;
        }
        return r;
}

static int bind_node(int parent, const char *name, size_t index)
{
        char stage[STAGE_NAME_BYTES + sizeof STAGE_NODES];
        _cleanup_close_ int fd =
                openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        _cleanup_close_ int clone = -EBADF;

        if (fd < 0) {
                return -errno;
        }
        snprintf(stage, sizeof stage, STAGE_NODES "/%zu", index);
        clone = mount_clone(AT_FDCWD, stage, false);
        return clone < 0 ? clone : mount_attach(clone, parent, name);
}

/* "If a file already exists at path that does not match the requested device, the runtime MUST
 * generate an error." */
static int put_node(struct rootfs *rootfs, size_t index, struct machine_error *error)
{
        const struct machine_node *node = node_at(rootfs->machine, index);
        const char *slash = strrchr(node->path, '/');
        _cleanup_free_ char *directory = strndup(node->path, (size_t)(slash - node->path) + 1);
        _cleanup_close_ int parent = -EBADF;
        struct stat info;
        int r;

        if (!directory) {
                return error_oom(error);
        }
        parent = path_make_directory_in_root(rootfs->root_fd, directory, 0755, 0, 0);
        if (parent < 0) {
                return node_error(rootfs, index, parent, "cannot create the directory of", error);
        }
        if (fstatat(parent, slash + 1, &info, AT_SYMLINK_NOFOLLOW) == 0) {
                return is_the_node(&info, node)
                               ? 0
                               : node_error(rootfs, index, EEXIST,
                                            "another file is in the place of", error);
        }
        r = binds_nodes(rootfs) && node->type != 'p' ? bind_node(parent, slash + 1, index)
                                                     : make_node(parent, slash + 1, node);
        return r < 0 ? node_error(rootfs, index, r, "cannot create", error) : 0;
}

int bare_nodes(struct rootfs *rootfs, struct machine_error *error)
{
        size_t first = has_own_dev(rootfs->machine) ? ELEMENTS_OF(defaults) : 0;
        int r = 0;

        rootfs->dev_fd = first ? path_open_in_root(rootfs->root_fd, "/dev", O_PATH | O_DIRECTORY, 0)
                               : rootfs_place(rootfs, "dev", error);
        if (rootfs->dev_fd < 0) {
                return first ? error_set(error, rootfs->dev_fd, "cannot open /dev of the root")
                             : rootfs->dev_fd;
        }
        for (size_t i = first; i < count_of(rootfs->machine) && r == 0; i++) {
                r = put_node(rootfs, i, error);
        }
        /* "ptmx" is needed only with the terminals that it belongs to; what the root has stays. */
        return r < 0 || first ? r : dev_make_links(rootfs->dev_fd, true, error);
}

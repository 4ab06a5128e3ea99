/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parent's side: what only the host has is opened and staged. */

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "rootfs/bare/bare.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/mount.h"

int bare_mount_error(const struct rootfs *rootfs, size_t index, int r, struct machine_error *error)
{
        error_prefix(error, "mounts[%zu]: cannot mount on \"%s\"", index,
                     rootfs->machine->mounts[index].target);
        return r;
}

/* ---- binds ---- */

/* A mount that passes its mounts on to the host's must be a copy of the host's own: the copies in
 * this namespace only receive. */
static int clone_in_host(const struct rootfs_parameters *parameters, const char *source,
                         bool recursive)
{
        _cleanup_close_ int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        int fd;

        if (own < 0 || setns(parameters->host_mounts_fd, CLONE_NEWNS) < 0) {
                return -errno;
        }
        fd = mount_clone(AT_FDCWD, source, recursive);
        if (setns(own, CLONE_NEWNS) < 0) {
                int r = -errno;

                fd_close(fd);
                return r;
        }
        return fd;
}

/* Shared and unbindable mounts are made so at last, by the child: neither can be cloned further as
 * it is. */
static uint64_t early_propagation(const struct bare_options *options)
{
        return options->propagation == MS_SLAVE    ? MS_SLAVE
               : options->propagation == MS_SHARED ? 0
                                                   : MS_PRIVATE;
}

static int open_bind(const struct rootfs_parameters *parameters, const struct machine_mount *mount,
                     const struct bare_options *options, struct machine_error *error)
{
        bool shared = options->propagation == MS_SHARED && parameters->host_mounts_fd >= 0;
        int fd = shared ? clone_in_host(parameters, mount->source, options->recursive)
                        : mount_clone(AT_FDCWD, mount->source, options->recursive);

        if (fd == -ENOENT) {
                error_say(error, ENOENT, "the source \"%s\" does not exist", mount->source);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
                return fd;
        }
        return fd < 0 ? error_set(error, fd, "cannot open the source \"%s\"", mount->source) : fd;
}

/* The namespace whose map lies over the ids of a mount, or -EBADF. */
static int map_of(const struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                  size_t index)
{
        const struct bare_options *options = &rootfs->bare[index].options;
        const struct machine_mount *mount = &rootfs->machine->mounts[index];

        if (mount->maps.uid_count > 0) {
                return parameters->map_fds[index];
        }
        return options->map ? rootfs->user_namespace_fd : -EBADF;
}

static int set_attributes(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                          size_t index, struct machine_error *error)
{
        const struct bare_mount *staged = &rootfs->bare[index];
        const struct bare_options *options = &staged->options;
        const char *source = rootfs->machine->mounts[index].source;
        int map = map_of(rootfs, parameters, index);
        const struct tree_attributes all = {
                .set = options->set_all,
                .clear = options->clear_all,
                .propagation = early_propagation(options),
                .recursive = true,
                .user_namespace_fd = options->map_all ? map : -EBADF,
        };
        const struct tree_attributes own = {
                .set = options->set,
                .clear = options->clear,
                .user_namespace_fd = options->map_all ? -EBADF : map,
        };
        int r = tree_set_attributes(staged->fd, &all, "source", source, error);

        return r < 0 ? r : tree_set_attributes(staged->fd, &own, "source", source, error);
}

static int open_staged_bind(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                            size_t index, struct machine_error *error)
{
        const struct machine_mount *mount = &rootfs->machine->mounts[index];
        struct bare_mount *staged = &rootfs->bare[index];
        struct stat info;

        staged->fd = open_bind(parameters, mount, &staged->options, error);
        if (staged->fd < 0) {
                return staged->fd;
        }
        staged->staged = true;
        if (fstat(staged->fd, &info) < 0) {
                return error_set(error, errno, "cannot stat the source \"%s\"", mount->source);
        }
        staged->directory = S_ISDIR(info.st_mode);
        return set_attributes(rootfs, parameters, index, error);
}

/* ---- file systems that the child cannot create ---- */

static enum machine_namespace owner_of(const char *type)
{
        return string_equal(type, "sysfs")  ? MACHINE_NAMESPACE_NETWORK
               : string_equal(type, "proc") ? MACHINE_NAMESPACE_PID
                                            : MACHINE_NAMESPACES;
}

/* A new user namespace owns the namespaces that are made with it; of others it cannot mount a
 * procfs or a sysfs. */
static bool needs_host(const struct machine *machine, const struct machine_mount *mount)
{
        enum machine_namespace owner = owner_of(bare_type(mount));

        return machine->namespaces.given[MACHINE_NAMESPACE_USER].set == MACHINE_NAMESPACE_NEW &&
               owner != MACHINE_NAMESPACES &&
               machine->namespaces.given[owner].set != MACHINE_NAMESPACE_NEW;
}

/* Makes a sysfs in the network namespace that the machine joins, or in the host's. */
static int make_in_network(const struct machine *machine, const struct machine_mount *mount,
                           const struct bare_options *options, struct machine_error *error)
{
        const struct machine_namespace_choice *network =
                &machine->namespaces.given[MACHINE_NAMESPACE_NETWORK];
        _cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int joined =
                network->path ? open(network->path, O_RDONLY | O_CLOEXEC) : -EBADF;
        int fd;

        if (own < 0 || (network->path && (joined < 0 || setns(joined, CLONE_NEWNET) < 0))) {
                return error_set(error, errno, "cannot join the network namespace \"%s\"",
                                 network->path ? network->path : "");
        }
        fd = bare_file_system(mount, options, NULL, error);
        if (network->path && setns(own, CLONE_NEWNET) < 0) {
                fd_close(fd);
                return error_set(error, errno, "cannot return to the host's network namespace");
        }
        return fd;
}

static int open_for_child(struct rootfs *rootfs, size_t index, struct machine_error *error)
{
        const struct machine_mount *mount = &rootfs->machine->mounts[index];
        struct bare_mount *staged = &rootfs->bare[index];

        staged->fd = string_equal(bare_type(mount), "sysfs")
                             ? make_in_network(rootfs->machine, mount, &staged->options, error)
                             : bare_file_system(mount, &staged->options, NULL, error);
        staged->staged = true;
        return staged->fd < 0 ? staged->fd : 0;
}

/* Without a cgroup namespace the machine's own group is all that it gets to see; one that has none
 * sees the host's, as it is in them. */
static int open_group(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                      size_t index, struct machine_error *error)
{
        struct bare_mount *staged = &rootfs->bare[index];
        const struct tree_attributes attributes = {
                .set = staged->options.set | staged->options.set_all,
                .propagation = MS_PRIVATE,
                .user_namespace_fd = -EBADF,
        };

        if (!parameters->cgroup_directory) {
                return error_say(error, ENOENT, "the host has no cgroup2 file system");
        }
        staged->fd = mount_clone(AT_FDCWD, parameters->cgroup_directory, false);
        staged->staged = true;
        return staged->fd < 0 ? error_set(error, staged->fd, "cannot open the control group \"%s\"",
                                          parameters->cgroup_directory)
                              : tree_set_attributes(staged->fd, &attributes, "control group",
                                                    parameters->cgroup_directory, error);
}

static bool lacks_cgroup_namespace(const struct machine *machine, const struct machine_mount *mount)
{
        return string_equal(bare_type(mount), "cgroup2") &&
               machine->namespaces.given[MACHINE_NAMESPACE_CGROUP].set == MACHINE_NAMESPACE_HOST;
}

static int open_one(struct rootfs *rootfs, const struct rootfs_parameters *parameters, size_t index,
                    struct machine_error *error)
{
        const struct machine *machine = rootfs->machine;
        const struct machine_mount *mount = &machine->mounts[index];
        struct bare_mount *staged = &rootfs->bare[index];

        if (bare_options_read(mount, &staged->options) < 0) {
                return error_oom(error);
        }
        staged->directory = true;
        if (staged->options.remount) {
                return 0;
        }
        if (mount->type == MACHINE_MOUNT_BIND) {
                return open_staged_bind(rootfs, parameters, index, error);
        }
        if (lacks_cgroup_namespace(machine, mount)) {
                return open_group(rootfs, parameters, index, error);
        }
        return needs_host(machine, mount) ? open_for_child(rootfs, index, error) : 0;
}

int bare_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
              struct machine_error *error)
{
        size_t count = rootfs->machine->mount_count;

        rootfs->bare = calloc(count + 1, sizeof *rootfs->bare);
        if (!rootfs->bare) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                rootfs->bare[i].fd = -EBADF;
        }
        for (size_t i = 0; i < count; i++) {
                int r = open_one(rootfs, parameters, i, error);

                if (r < 0) {
                        return bare_mount_error(rootfs, i, r, error);
                }
        }
        return 0;
}

/* ---- staging ---- */

static int stage_one(struct rootfs *rootfs, size_t index)
{
        struct bare_mount *staged = &rootfs->bare[index];
        char name[STAGE_NAME_BYTES];
        int r;

        snprintf(name, sizeof name, "mount%zu", index);
        r = staged->directory ? mkdirat(rootfs->scratch_fd, name, 0755)
                              : mknodat(rootfs->scratch_fd, name, S_IFREG | 0600, 0);
        if (r < 0) {
                return -errno;
        }
        r = mount_attach(staged->fd, rootfs->scratch_fd, name);
        fd_close(TAKE_FD(staged->fd));
        return r;
}

int bare_stage(struct rootfs *rootfs, struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->mount_count; i++) {
                int r = rootfs->bare[i].staged ? stage_one(rootfs, i) : 0;

                if (r < 0) {
                        return bare_mount_error(rootfs, i, error_set(error, r, "cannot stage it"),
                                                error);
                }
        }
        return bare_stage_nodes(rootfs, error);
}

void bare_free(struct rootfs *rootfs)
{
        for (size_t i = 0; rootfs->bare && i < rootfs->machine->mount_count; i++) {
                fd_close(rootfs->bare[i].fd);
                strv_free(rootfs->bare[i].options.data);
        }
        free(rootfs->bare);
}

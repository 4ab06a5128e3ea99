/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "rootfs/bare/bare.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/mount.h"

void rootfs_note(const struct rootfs *rootfs, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;

        if (!rootfs->note) {
                return;
        }
        text = STRING_OF_ARGUMENTS(format);
        if (text) {
                rootfs->note(rootfs->note_data, text);
        }
}

static struct rootfs *rootfs_new(const struct rootfs_parameters *parameters)
{
        const struct machine *machine = parameters->machine;
        struct rootfs *rootfs = malloc(sizeof *rootfs);

        if (!rootfs) {
                return NULL;
        }
        *rootfs = (struct rootfs){
                .machine = machine,
                .note = parameters->note,
                .note_data = parameters->note_data,
                .identity = { .uid = parameters->root_uid,
                              .gid = parameters->root_gid,
                              .mapped = parameters->by_user ? parameters->root_uid != 0
                                                            : parameters->user_namespace_fd >= 0 },
                .id_count = parameters->id_count,
                .by_user = parameters->by_user,
                .rehearsal = parameters->rehearsal,
                .ungrouped = parameters->ungrouped,
                .user_namespace_fd = parameters->user_namespace_fd,
                .scratch_fd = -EBADF,
                .upper_lock = -EBADF,
                .host_fd = -EBADF,
                .root_clone = -EBADF,
                .sys_clone = -EBADF,
                .reach = parameters->reach,
                .resolver_fd = -EBADF,
                .root = { .upper_fd = -EBADF, .by_user = parameters->by_user },
                .root_fd = -EBADF,
                .proc_fd = -EBADF,
                .sys_fd = -EBADF,
                .dev_fd = -EBADF,
                .pts_fd = -EBADF,
                .run_host_fd = -EBADF,
                .named = parameters->volumes,
                .scratch = strdup(parameters->scratch_directory),
                .volumes = calloc(strv_length(machine->root.volumes) + 1, sizeof *rootfs->volumes),
                .mounts = calloc(machine->mount_count + 1, sizeof *rootfs->mounts),
                .credentials = calloc(machine->credential_count + 1, sizeof *rootfs->credentials),
        };
        if (!rootfs->scratch || !rootfs->volumes || !rootfs->mounts || !rootfs->credentials) {
                rootfs_free(rootfs);
                return NULL;
        }
        for (size_t i = 0; i < strv_length(machine->root.volumes); i++) {
                rootfs->volumes[i].fd = -EBADF;
                rootfs->volumes[i].overlay.upper_fd = -EBADF;
                rootfs->volumes[i].overlay.by_user = parameters->by_user;
        }
        for (size_t i = 0; i < machine->mount_count; i++) {
                rootfs->mounts[i].bind = (struct bind)BIND_INIT;
                rootfs->mounts[i].volume_fd = rootfs->mounts[i].filling_fd = -EBADF;
                rootfs->mounts[i].overlay.upper_fd = -EBADF;
                rootfs->mounts[i].overlay.by_user = parameters->by_user;
        }
        return rootfs;
}

static int open_all(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                    struct machine_error *error)
{
        int r = root_open(rootfs, parameters, error);

        if (r == 0) {
                r = volumes_open(rootfs, parameters, error);
        }
        if (r == 0) {
                r = rootfs->machine->bare ? bare_open(rootfs, parameters, error)
                                          : mounts_open(rootfs, parameters, error);
        }
        if (r == 0 && !parameters->storage) {
                r = credentials_open(rootfs, error);
        }
        if (r == 0 && !parameters->storage && !rootfs->machine->bare) {
                r = sys_open(rootfs, parameters, error);
        }
        return r;
}

static int mount_scratch(struct rootfs *rootfs, struct machine_error *error)
{
        char uid[16], gid[16];
        const struct mount_option options[] = {
                { "mode", "0755" }, { "uid", uid }, { "gid", gid }, { NULL, NULL }
        };
        int r;

        snprintf(uid, sizeof uid, "%u", rootfs->identity.uid);
        snprintf(gid, sizeof gid, "%u", rootfs->identity.gid);
        r = directory_make(rootfs->scratch, 0700);
        if (r < 0) {
                return error_set(error, r, "cannot create the directory \"%s\"", rootfs->scratch);
        }
        rootfs->scratch_fd = mount_new("tmpfs", options, MOUNT_ATTR_PSEUDO, error);
        if (rootfs->scratch_fd < 0) {
                return rootfs->scratch_fd;
        }
        r = mount_attach(rootfs->scratch_fd, AT_FDCWD, rootfs->scratch);
        return r < 0 ? error_set(error, r, "cannot mount on \"%s\"", rootfs->scratch) : 0;
}

/* The file to mount on must exist. */
static int stage_program(struct rootfs *rootfs, int program_fd, struct machine_error *error)
{
        int r;

        if (program_fd < 0) {
                return 0;
        }
        r = mknodat(rootfs->scratch_fd, "program", S_IFREG, 0) < 0
                    ? -errno
                    : mount_attach(program_fd, rootfs->scratch_fd, "program");
        return r < 0 ? error_set(error, r, "cannot mount the program that starts the payload") : 0;
}

static int stage_storage(struct rootfs *rootfs, struct machine_error *error)
{
        int r = root_stage(rootfs, error);

        if (r == 0) {
                r = volumes_stage(rootfs, error);
        }
        if (r < 0) {
                return r;
        }
        return rootfs->machine->bare ? bare_stage(rootfs, error) : mounts_stage(rootfs, error);
}

/* Only needed by the processes of a machine. */
static int stage_facilities(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                            struct machine_error *error)
{
        int r = 0;

        if (rootfs->machine->bare) {
                r = host_stage(rootfs, NULL, error);
                return r < 0 ? r : stage_program(rootfs, parameters->program_mount_fd, error);
        }
        r = dev_stage(rootfs, error);
        if (r == 0) {
                r = sys_stage(rootfs, error);
        }
        if (r == 0) {
                r = host_stage(rootfs, parameters->machine_id, error);
        }
        if (r == 0) {
                r = files_stage(rootfs, parameters, error);
        }
        return r < 0 ? r : stage_program(rootfs, parameters->program_mount_fd, error);
}

static int stage_all(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                     struct machine_error *error)
{
        int r = stage_storage(rootfs, error);

        if (r == 0 && !parameters->storage) {
                r = stage_facilities(rootfs, parameters, error);
        }
        /* The child inherits the working directory and thereby reaches its copy of the scratch;
         * with a path its ids might lack search permission for the directories above. */
        if (r == 0 && fchdir(rootfs->scratch_fd) < 0) {
                r = error_set(error, errno, "cannot change to \"%s\"", rootfs->scratch);
        }
        return r;
}

int rootfs_build(const struct rootfs_parameters *parameters, struct rootfs **ret,
                 struct machine_error *error)
{
        _cleanup_rootfs_ struct rootfs *rootfs = rootfs_new(parameters);
        int r;

        if (!rootfs) {
                return error_oom(error);
        }
        r = open_all(rootfs, parameters, error);
        if (r == 0) {
                r = mount_scratch(rootfs, error);
        }
        if (r == 0) {
                r = identity_assume(&rootfs->identity, error);
        }
        if (r == 0) {
                r = stage_all(rootfs, parameters, error);
                identity_restore(&rootfs->identity);
        }
        if (r < 0) {
                return r;
        }
        rootfs->user_namespace_fd = -EBADF;
        *ret = TAKE_PTR(rootfs);
        return 0;
}

int rootfs_host_directory(const struct rootfs *rootfs)
{
        return rootfs->host_fd;
}

void rootfs_detach(struct rootfs *rootfs)
{
        /* By descriptor, because something else may have been mounted at the path; private, because
         * a shared bind of a bundle is a peer of the host's own mount. */
        if (rootfs && fchdir(rootfs->scratch_fd) == 0 &&
            mount(NULL, ".", NULL, MS_REC | MS_PRIVATE, NULL) == 0) {
                (void)umount2(".", MNT_DETACH);
        }
}

void rootfs_free(struct rootfs *rootfs)
{
        if (!rootfs) {
                return;
        }
        volumes_free(rootfs);
        mounts_free(rootfs);
        bare_free(rootfs);
        credentials_free(rootfs);
        overlay_clear(&rootfs->root);
        disks_free(rootfs);
        fd_close(rootfs->scratch_fd);
        fd_close(rootfs->upper_lock);
        fd_close(rootfs->host_fd);
        fd_close(rootfs->root_clone);
        fd_close(rootfs->sys_clone);
        fd_close(rootfs->resolver_fd);
        free(rootfs->resolver_text);
        fd_close(rootfs->root_fd);
        fd_close(rootfs->proc_fd);
        fd_close(rootfs->sys_fd);
        fd_close(rootfs->dev_fd);
        fd_close(rootfs->pts_fd);
        fd_close(rootfs->run_host_fd);
        free(rootfs->scratch);
        free(rootfs);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/way.h"
#include "base/strings.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/mount.h"

/* How the root is created depends on where the machine writes:
 *
 * - In place: an idmapped mount of the directory itself, with all mounts below it.
 * - Otherwise: an overlay. If writes are kept, its upper is their directory; if not (volatile,
 * none, read-only, ephemeral), the upper is on the scratch tmpfs, and earlier writes are another
 * layer. A read-only root has an upper as well, in which missing mount points are created before
 * the root becomes read-only; a machine that may remount its root only writes to that tmpfs. */

/* Only root of the host may be able to reach a root that is used in place. The check applies to the
 * opened directory, because the path may lead elsewhere by now. */
static int check_way(const char *path, int fd, struct machine_error *error)
{
        _cleanup_free_ char *closing = NULL;
        struct stat judged, opened;
        int r = way_is_open_to(path, &judged);

        if (r < 0 || fstat(fd, &opened) < 0) {
                return error_set(error, r < 0 ? r : errno, "cannot stat the root \"%s\"", path);
        }
        if (r == 0 && judged.st_ino == opened.st_ino && judged.st_dev == opened.st_dev) {
                return 0;
        }
        closing = way_closing(path);
        error_say(error, EPERM,
                  "users of the host can reach the root \"%s\", and files that this machine's root "
                  "creates there belong to %s, including set-user-ID programs",
                  path, way_owner());
        error_hint(error,
                   "%s; or write elsewhere, with upper = \"persistent\" or another, or "
                   "read_only = true",
                   closing ? closing : "close the way to it");
        return -EPERM;
}

static bool is_image(const char *path)
{
        struct stat info;

        return stat(path, &info) == 0 && disk_is_image(&info);
}

static int open_in_place(struct rootfs *rootfs, struct machine_error *error)
{
        const struct machine_root *root = &rootfs->machine->root;
        bool bare = rootfs->machine->bare;
        const struct tree_attributes attributes = {
                /* The mount points of a bare root are made in it, before it is read-only. */
                .set = bare ? 0 : MOUNT_ATTR_NODEV | (root->read_only ? MOUNT_ATTR_RDONLY : 0),
                .propagation =
                        root->propagation == MACHINE_PROPAGATION_SLAVE ? MS_SLAVE : MS_PRIVATE,
                .recursive = true,
                /* The files of a bundle have the owners that its caller gave them. */
                .user_namespace_fd = bare ? -EBADF : rootfs->user_namespace_fd,
        };
        int fd, r;

        if (root->size != MACHINE_UNSET) {
                error_say(error, EINVAL, "the root \"%s\" is a directory, which has no size",
                          root->directory);
                error_hint(error, "leave out \"size\"");
                return -EINVAL;
        }
        fd = mount_clone(AT_FDCWD, root->directory, true);

        if (fd == -ENOENT) {
                error_say(error, ENOENT, "the root \"%s\" does not exist", root->directory);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
                error_hint(error, "create the directory, or correct \"rootfs\"");
                return fd;
        }
        if (fd < 0) {
                return error_set(error, fd, "cannot open the root \"%s\"", root->directory);
        }
        rootfs->root_clone = fd;
        rootfs->read_only = bare && root->read_only;
        r = root->read_only || bare ? 0 : check_way(root->directory, fd, error);
        if (r == 0 && rootfs->by_user && !root->read_only) {
                r = tree_check_owner(fd, "root", root->directory, error);
        }
        return r < 0 ? r : tree_set_attributes(fd, &attributes, "root", root->directory, error);
}

const char *root_kept_directory(const struct rootfs_parameters *parameters)
{
        const struct machine_root *root = &parameters->machine->root;

        switch (root->upper) {
        case MACHINE_UPPER_PERSISTENT:
                return parameters->state_directory;
        case MACHINE_UPPER_DIRECTORY:
                return root->upper_directory;
        default:
                return NULL;
        }
}

/* Earlier writes as the top layer; there may be none yet. */
static int add_kept_layer(struct rootfs *rootfs, const char *directory, struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(directory, "upper");

        if (!path) {
                return error_oom(error);
        }
        if (access(path, F_OK) < 0) {
                return 0;
        }
        return overlay_add_layer(&rootfs->root, path, rootfs->user_namespace_fd, error);
}

static int open_upper(struct rootfs *rootfs, const char *directory, struct machine_error *error)
{
        const struct stat *image = disks_top(rootfs);
        struct stat top;

        if (rootfs->machine->root.upper == MACHINE_UPPER_PERSISTENT) {
                int r = directory_make(directory, 0700);

                /* An existing directory, too: it only belongs to this program. */
                if (r == 0 && chmod(directory, 0700) < 0) {
                        r = -errno;
                }
                if (r < 0) {
                        return error_set(error, r, "cannot create the state directory \"%s\"",
                                         directory);
                }
        }
        /* By its path, which shows the owners on disk; the mount maps them. */
        if (!image && stat(rootfs->root.layers[0].path, &top) < 0) {
                return error_set(error, errno, "cannot stat the layer \"%s\"",
                                 rootfs->root.layers[0].path);
        }
        return overlay_set_upper(&rootfs->root, directory, rootfs->user_namespace_fd,
                                 image ? image : &top, &rootfs->upper_lock, error);
}

/* A directory cannot be verified, and a hash is of one image. */
static int check_verity(const struct machine_root *root, const char *path, bool image,
                        struct machine_error *error)
{
        const struct machine_verity *verity = &root->verity;

        if (!image && (verity->root_hash || verity->required || verity->signature)) {
                error_say(error, ENOKEY,
                          "\"%s\" is a directory, and \"verity\" allows only what can be verified",
                          path);
                error_hint(error, "make an image of it, or remove \"verity\"");
                return -ENOKEY;
        }
        if ((verity->root_hash || verity->signature) && strv_length(root->layers) > 1) {
                error_say(error, EINVAL,
                          "\"verity.%s\" is of one image, and the overlay has several layers",
                          verity->root_hash ? "root_hash" : "signature");
                error_hint(error, "put the hash of each image beside it, in a file with the ending "
                                  ".roothash, a signature with the ending .roothash.p7s, and set "
                                  "\"verity.required\"");
                return -EINVAL;
        }
        return 0;
}

static int add_layer(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                     const char *path, struct machine_error *error)
{
        bool image = is_image(path);
        int r = check_verity(&rootfs->machine->root, path, image, error);

        if (r < 0) {
                return r;
        }
        return image ? disks_add_layer(rootfs, parameters, path, error)
                     : overlay_add_layer(&rootfs->root, path, rootfs->user_namespace_fd, error);
}

/* Used in place, it is written to, unless it is an image that nothing can be written to. */
static int open_directory(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                          struct machine_error *error)
{
        const struct machine_root *root = &rootfs->machine->root;
        bool image = !rootfs->machine->bare && is_image(root->directory);
        int r = check_verity(root, root->directory, image, error);

        if (r < 0) {
                return r;
        }
        return image ? disks_open_in_place(rootfs, parameters, root->directory, error)
                     : open_in_place(rootfs, error);
}

static int add_layers(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                      struct machine_error *error)
{
        const struct machine_root *root = &rootfs->machine->root;

        if (root->source == MACHINE_ROOT_DIRECTORY) {
                return add_layer(rootfs, parameters, root->directory, error);
        }
        if (!root->layers || !root->layers[0]) {
                return error_say(error, EINVAL, "the root of machine \"%s\" has no layer",
                                 rootfs->machine->name);
        }
        STRV_FOREACH(layer, root->layers) {
                int r = add_layer(rootfs, parameters, *layer, error);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int root_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
              struct machine_error *error)
{
        const struct machine_root *root = &rootfs->machine->root;
        const char *kept = root_kept_directory(parameters);
        bool ephemeral = parameters->ephemeral;
        bool writes_kept = kept && !ephemeral && !root->read_only;
        int r = 0;

        if (root->upper == MACHINE_UPPER_IN_PLACE && !ephemeral) {
                return open_directory(rootfs, parameters, error);
        }
        rootfs->read_only = root->read_only || (root->upper == MACHINE_UPPER_NONE && !ephemeral);
        rootfs->root.writable = !rootfs->read_only;
        /* The machine's own directory is created if it is missing. */
        if (kept && parameters->rehearsal && !root->read_only &&
            (kept == root->upper_directory || access(kept, F_OK) == 0)) {
                r = overlay_check_upper(kept, kept != root->upper_directory, error);
        }
        if (r == 0 && kept && !writes_kept) {
                r = add_kept_layer(rootfs, kept, error);
        }
        if (r == 0) {
                r = add_layers(rootfs, parameters, error);
        }
        if (r == 0 && writes_kept) {
                r = open_upper(rootfs, kept, error);
        }
        if (r == 0 && kept) {
                r = disks_open_kept(rootfs, kept, writes_kept, error);
        }
        return r;
}

static int stage_in_place(struct rootfs *rootfs, int stage_fd, struct machine_error *error)
{
        struct stat info;
        int r;

        if (mkdirat(stage_fd, STAGE_MERGED, 0755) < 0) {
                return error_set(error, errno, "cannot create a mount point for the root");
        }
        r = mount_attach(rootfs->root_clone, stage_fd, STAGE_MERGED);
        if (r < 0) {
                if (fstat(rootfs->root_clone, &info) == 0 && !S_ISDIR(info.st_mode)) {
                        return error_say(error, ENOTDIR, "the root \"%s\" is not a directory",
                                         rootfs->machine->root.directory);
                }
                return error_set(error, r, "cannot stage the root \"%s\"",
                                 rootfs->machine->root.directory);
        }
        fd_close(TAKE_FD(rootfs->root_clone));
        return 0;
}

int root_stage(struct rootfs *rootfs, struct machine_error *error)
{
        _cleanup_close_ int stage_fd = -EBADF;
        int r;

        if (mkdirat(rootfs->scratch_fd, STAGE_ROOT, 0755) < 0) {
                return error_set(error, errno, "cannot stage the root");
        }
        stage_fd = openat(rootfs->scratch_fd, STAGE_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (stage_fd < 0) {
                return error_set(error, errno, "cannot stage the root");
        }
        r = rootfs->root_clone >= 0 ? stage_in_place(rootfs, stage_fd, error)
                                    : overlay_mount(&rootfs->root, stage_fd, error);
        return r < 0 ? r : disks_stage(rootfs, stage_fd, error);
}

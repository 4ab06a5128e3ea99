/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Claims the host directories of a machine's root before any of them is opened. */

#include "state/trees.h"

#include <sys/stat.h>

#include "base/disk/verity.h"
#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "launch/context.h"

static int take(struct launch *launch, const char *path, bool write, struct machine_error *error)
{
        return trees_take(launch->trees, &launch->store, path, write, &launch->record, error);
}

/* Whether anything in an image can be written to. */
static int can_be_written(const struct machine_root *root, struct machine_error *error)
{
        _cleanup_disk_image_ struct disk_image image = { 0 };
        _cleanup_close_ int fd = disk_open(root->directory, false, error);
        _cleanup_free_ char *found = NULL;
        const char *given = root->verity.root_hash;
        int r = fd < 0 ? fd : disk_probe(fd, root->directory, &image, error);

        if (r == 0 && !given) {
                r = disk_find_root_hash(&image, fd, &found, error);
        }
        return r < 0 ? r : disk_is_writable(&image, given ? given : found);
}

static bool is_in_place(const struct launch *launch)
{
        const struct machine_root *root = &launch->machine->root;

        return root->upper == MACHINE_UPPER_IN_PLACE && !root->read_only &&
               !launch->options.ephemeral;
}

/* An image is only looked into when nobody writes to it. */
static int take_in_place(struct launch *launch, struct machine_error *error)
{
        const char *path = launch->machine->root.directory;
        struct stat info;
        int r;

        if (stat(path, &info) < 0 || !disk_is_image(&info)) {
                return take(launch, path, true, error);
        }
        r = take(launch, path, false, error);
        if (r == 0) {
                r = can_be_written(&launch->machine->root, error);
        }
        return r > 0 ? take(launch, path, true, error) : r;
}

static int take_all(struct launch *launch, char *const *directories, struct machine_error *error)
{
        STRV_FOREACH(directory, directories) {
                int r = take(launch, *directory, false, error);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int take_layers(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        int r = 0;

        /* The layers of an image belong to the store, which locks the image. */
        if (machine->root.source == MACHINE_ROOT_OVERLAY) {
                r = take_all(launch, machine->root.layers, error);
        } else if (machine->root.source == MACHINE_ROOT_DIRECTORY && !is_in_place(launch)) {
                r = take(launch, machine->root.directory, false, error);
        }
        for (size_t i = 0; r == 0 && i < machine->mount_count; i++) {
                _cleanup_strv_ char **layers = NULL;

                if (machine->mounts[i].type != MACHINE_MOUNT_OVERLAY) {
                        continue;
                }
                r = strv_split(machine->mounts[i].source, ':', &layers) < 0
                            ? error_oom(error)
                            : take_all(launch, layers, error);
        }
        return r;
}

/* The directory that contains `upper`, if writes are kept, and `volumes`; and `upper` itself, which
 * another machine could use as a layer. */
static int take_kept(struct launch *launch, struct machine_error *error)
{
        const struct machine_root *root = &launch->machine->root;
        _cleanup_free_ char *directory = NULL, *upper = NULL;
        /* Volumes of an image are written even if the root is read-only. */
        bool write = !launch->options.ephemeral &&
                     (!root->read_only || root->source == MACHINE_ROOT_IMAGE);
        int r;

        if (root->upper == MACHINE_UPPER_DIRECTORY) {
                directory = strdup(root->upper_directory);
        } else if (root->upper == MACHINE_UPPER_PERSISTENT) {
                directory = string_format("%s/machines/%s", launch->options.directories.state,
                                          launch->machine->name);
        } else {
                return 0;
        }
        upper = directory ? path_join(directory, "upper") : NULL;
        if (!upper) {
                return error_oom(error);
        }
        r = take(launch, directory, write, error);
        return r < 0 ? r : take(launch, upper, write && !root->read_only, error);
}

int launch_set_up_trees(struct launch *launch, struct machine_error *error)
{
        int r = launch->trees = trees_open(&launch->store, error);

        if (r >= 0) {
                r = take_layers(launch, error);
        }
        if (r >= 0 && is_in_place(launch)) {
                r = take_in_place(launch, error);
        }
        return r < 0 ? r : take_kept(launch, error);
}

int launch_take_new_trees(struct launch *launch, struct machine_error *error)
{
        return take_kept(launch, error);
}

int launch_tear_down_trees(struct launch *launch, struct machine_error *error)
{
        launch->trees = fd_close(launch->trees);
        return 0;
}

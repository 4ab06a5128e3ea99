/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/disk/verity.h"
#include "base/error.h"
#include "base/rights/trust.h"
#include "base/strings.h"

/* Disk images, as far as the caller may read them: what a start would find in them. */

static int check_content(const struct disk_image *image, const char *root_hash,
                         struct machine_error *error)
{
        struct disk_choice choice;
        int r;

        if (!image->has_table) {
                return disk_check_content(image, NULL, error);
        }
        r = disk_choose(image, root_hash, &choice, error);
        for (int role = 0; r == 0 && role < DISK_ROLES; role++) {
                if (choice.data[role]) {
                        r = disk_check_content(image, choice.data[role], error);
                }
        }
        return r;
}

static int refuse_unverified(const char *path, const struct machine_verity *verity,
                             struct machine_error *error)
{
        error_say(error, ENOKEY, "the image \"%s\" has no root hash, and \"%s\" is set", path,
                  verity->required ? "verity.required" : "verity.signature");
        error_hint(error,
                   "set \"verity.root_hash\", or put the hash beside the image, in a file with "
                   "the ending .roothash");
        return -ENOKEY;
}

/* Who has signed is only found out by a start, which may read the certificates. */
static int check_signature(const struct machine_verity *verity, const struct disk_image *image,
                           int fd, const char *root_hash, struct machine_error *error)
{
        struct disk_signature signature = { 0 };
        int r = root_hash ? disk_find_signature(image, fd, root_hash, verity->signature, &signature,
                                                error)
                          : 0;

        disk_signature_clear(&signature);
        return r;
}

static int look_into(const struct machine_verity *verity, const char *path, struct disk_image *ret,
                     struct machine_error *error)
{
        _cleanup_close_ int fd = disk_open(path, false, error);
        _cleanup_free_ char *found = NULL;
        const char *root_hash;
        int r = fd < 0 ? fd : disk_probe(fd, path, ret, error);

        if (r == 0 && !verity->root_hash) {
                r = disk_find_root_hash(ret, fd, &found, error);
        }
        if (r == 0 && (verity->required || verity->signature) && !verity->root_hash && !found) {
                r = refuse_unverified(path, verity, error);
        }
        root_hash = verity->root_hash ? verity->root_hash : found;
        if (r == 0) {
                r = check_signature(verity, ret, fd, root_hash, error);
        }
        return r < 0 ? r : check_content(ret, root_hash, error);
}

/* The kernel parses all of its file systems. */
static bool has_fragile_content(const struct disk_image *image)
{
        if (!image->has_table) {
                return !disk_type_is_hardened(image->content.type);
        }
        for (size_t i = 0; i < image->count; i++) {
                const struct disk_partition *partition = &image->partitions[i];

                if (disk_place(partition->role) && partition->part == DISK_DATA &&
                    !disk_type_is_hardened(partition->content.type)) {
                        return true;
                }
        }
        return false;
}

static int judge(struct config_definition *definition, const struct machine_verity *verity,
                 const struct disk_image *image, const struct config_place *place)
{
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        int r;

        if (image->block_device || !has_fragile_content(image) || verity->root_hash) {
                return 0;
        }
        r = trust_judge(image->path, 0, &reason);
        return r == -EPERM ? config_report(definition->diagnostics, DIAGNOSTIC_WARNING, place,
                                           string_format("the machine cannot be started: others "
                                                         "than root could change the image, and "
                                                         "the kernel trusts what is in its file "
                                                         "system: %s",
                                                         reason.message),
                                           TAKE_PTR(reason.hint))
                           : r;
}

static int check_directory(struct config_definition *definition)
{
        const struct config_place place = config_definition_place(definition, "size", SIZE_MAX);

        return definition->machine->root.size == MACHINE_UNSET
                       ? 0
                       : config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                                       strdup("\"size\" is for disk images, and the root is a "
                                              "directory"),
                                       NULL);
}

static int check_file(struct config_definition *definition, const struct machine_verity *verity,
                      const char *path, const struct config_place *place)
{
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        _cleanup_disk_image_ struct disk_image image = { 0 };
        int r = look_into(verity, path, &image, &reason);

        if (r == 0) {
                return judge(definition, verity, &image, place);
        }
        if (r == -EACCES || r == -EPERM) {
                return 0;
        }
        return r == -ENOMEM ? r
                            : config_report(definition->diagnostics, DIAGNOSTIC_ERROR, place,
                                            TAKE_PTR(reason.message), TAKE_PTR(reason.hint));
}

static int check_image(struct config_definition *definition, const char *path, const char *key,
                       size_t index)
{
        const struct config_place place = config_definition_place(definition, key, index);
        struct stat info;

        /* As in other checks, what is missing may come later. */
        if (stat(path, &info) < 0) {
                return 0;
        }
        if (!disk_is_image(&info)) {
                return check_directory(definition);
        }
        return check_file(definition, &definition->machine->root.verity, path, &place);
}

/* The layers of the overlays in `mounts`. */
static int check_mount(struct config_definition *definition, size_t index)
{
        static const struct machine_verity none = { .root_hash = NULL };
        const struct machine_mount *mount = &definition->machine->mounts[index];
        const struct config_place place = config_definition_place(definition, "mounts", index);
        _cleanup_strv_ char **layers = NULL;
        int r = mount->source ? strv_split(mount->source, ':', &layers) : 0;

        STRV_FOREACH(layer, layers) {
                struct stat info;

                if (r == 0 && stat(*layer, &info) == 0 && disk_is_image(&info)) {
                        r = check_file(definition, &none, *layer, &place);
                }
        }
        return r;
}

int config_check_images(struct config_definition *definition)
{
        const struct machine_root *root = definition->machine ? &definition->machine->root : NULL;
        size_t index = 0;
        int r = 0;

        if (root && root->source == MACHINE_ROOT_DIRECTORY && root->directory) {
                r = check_image(definition, root->directory, "rootfs", SIZE_MAX);
        }
        if (root && root->source == MACHINE_ROOT_OVERLAY) {
                STRV_FOREACH(layer, root->layers) {
                        r = r < 0 ? r : check_image(definition, *layer, "overlay", index++);
                }
        }
        for (size_t i = 0; r == 0 && definition->machine && i < definition->machine->mount_count;
             i++) {
                if (definition->machine->mounts[i].type == MACHINE_MOUNT_OVERLAY) {
                        r = check_mount(definition, i);
                }
        }
        return r;
}

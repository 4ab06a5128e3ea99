/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/newcomers/exporting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "base/volume.h"
#include "cli/machines/image_program.h"
#include "cli/machines/own.h"
#include "cli/newcomers/archive.h"
#include "config/show.h"
#include "image/execute.h"
#include "image/image.h"
#include "state/volumes.h"

static int run_image_program(const struct exporting *exporting, const char *verb,
                             const char *directory, const char *file, struct machine_error *error)
{
        const char *const more[] = { verb, "--", directory, file };
        _cleanup_free_ char *failure =
                string_format("machine \"%s\" could not be exported", exporting->source.name);
        _cleanup_strv_ char **arguments = NULL;
        int r = cli_image_arguments(exporting->cli, &arguments);

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(more); i++) {
                r = strv_append(&arguments, more[i]);
        }
        return r < 0 || !failure ? error_oom(error) : image_run(arguments, failure, error);
}

/* ---- What there is to export ---- */

static int find_layer(struct exporting *exporting, struct machine_error *error)
{
        const struct machine_root *root = &exporting->machine->root;
        _cleanup_free_ char *upper = NULL;

        if (root->upper == MACHINE_UPPER_IN_PLACE && exporting->by_reference) {
                return 0;
        }
        if (root->upper == MACHINE_UPPER_IN_PLACE) {
                error_say(error, EINVAL, "machine \"%s\" writes to its \"rootfs\" itself: %s",
                          exporting->source.name, root->directory);
                error_hint(error, "copy that directory, and its definition");
                return -EINVAL;
        }
        exporting->layer =
                root->upper == MACHINE_UPPER_DIRECTORY
                        ? strdup(root->upper_directory)
                        : string_format("%s/machines/%s", exporting->cli->directories.state,
                                        exporting->source.name);
        upper = exporting->layer ? string_format("%s/upper", exporting->layer) : NULL;
        if (!upper) {
                return error_oom(error);
        }
        if (root->upper == MACHINE_UPPER_VOLATILE || access(upper, F_OK) < 0) {
                free(TAKE_PTR(exporting->layer));
        }
        return 0;
}

/* What lies below the layer is not part of the archive. */
static int find_image(struct exporting *exporting, struct machine_error *error)
{
        const struct machine_root *root = &exporting->machine->root;

        STRV_FOREACH(layer, root->layers) {
                log_notice(&exporting->cli->log, "not in the archive: the directory %s of the root",
                           *layer);
        }
        if (root->directory) {
                log_notice(&exporting->cli->log, "not in the archive: the directory %s of the root",
                           root->directory);
        }
        return exporting->layer ? image_pinned(exporting->layer, &exporting->image_id,
                                               &exporting->image_reference, error)
                                : 0;
}

/* ---- The parts ---- */

static int export_volume(const struct exporting *exporting, const char *name,
                         struct machine_error *error)
{
        _cleanup_free_ char *file =
                string_format("%s/" ARCHIVE_VOLUMES "/%s.tar", exporting->parts, name);
        _cleanup_free_ char *path = volume_path(exporting->cli->directories.state, name);
        _cleanup_free_ char *data = path ? string_format("%s/" VOLUME_DATA, path) : NULL;
        const char *const arguments[] = { "volume", "export", name, file, NULL };
        int r;

        if (!file || !data) {
                return error_oom(error);
        }
        if (access(data, F_OK) < 0) {
                return 0;
        }
        /* A frozen machine keeps others from writing to its volumes. */
        if (exporting->paused) {
                return run_image_program(exporting, "export-volume", path, file, error);
        }
        r = cli_run_own(exporting->cli, arguments, NULL, error);
        return r > 0 ? error_say(error, EIO,
                                 "volume \"%s\" of machine \"%s\" could not be exported", name,
                                 exporting->source.name)
                     : r;
}

static int export_volumes(const struct exporting *exporting, json_t *names,
                          struct machine_error *error)
{
        const struct machine *machine = exporting->machine;
        _cleanup_strv_ char **seen = NULL;

        for (size_t i = 0; i < machine->mount_count; i++) {
                const struct machine_mount *mount = &machine->mounts[i];
                int r;

                if (mount->type != MACHINE_MOUNT_VOLUME || strv_contains(seen, mount->source)) {
                        continue;
                }
                r = strv_append(&seen, mount->source) < 0 ||
                                    json_array_append_new(names, json_string(mount->source)) < 0
                            ? error_oom(error)
                            : export_volume(exporting, mount->source, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int describe(const struct exporting *exporting, json_t *names, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/" ARCHIVE_RECORD, exporting->parts);
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *object = json_object();
        json_t *settings = NULL, *image = NULL;
        int r = config_machine_json(exporting->machine, false, &settings);

        if (r == 0 && exporting->machine->root.upper == MACHINE_UPPER_DIRECTORY) {
                (void)json_object_del(settings, "upper"); /* its files are in the archive */
        }
        image = exporting->image_id ? json_object() : json_null();
        if (r < 0 || !path || !object || json_set_number(object, "version", ARCHIVE_VERSION) < 0 ||
            json_set_string(object, "name", exporting->source.name) < 0 ||
            json_set_value(object, "definition", settings) < 0 ||
            (exporting->image_id &&
             (json_set_string(image, "id", exporting->image_id) < 0 ||
              json_set_string(image, "reference", exporting->image_reference) < 0)) ||
            json_set_value(object, "image", image) < 0 ||
            json_set_boolean(object, "layer", exporting->layer != NULL) < 0 ||
            (exporting->checkpoint &&
             json_object_set(object, ARCHIVE_CHECKPOINT, exporting->checkpoint) < 0) ||
            json_object_set(object, "volumes", names) < 0) {
                return error_oom(error);
        }
        text = json_dumps(object, JSON_INDENT(2));
        r = text ? file_replace(AT_FDCWD, path, text, strlen(text), 0600) : -ENOMEM;
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

static int make_directory(struct exporting *exporting, struct machine_error *error)
{
        _cleanup_free_ char *volumes = NULL;
        int r;

        exporting->volumes = json_array();
        exporting->parts = string_format("%s/machines/.%s.export",
                                         exporting->cli->directories.state, exporting->source.name);
        volumes = exporting->parts ? string_format("%s/" ARCHIVE_VOLUMES, exporting->parts) : NULL;
        if (!volumes || !exporting->volumes) {
                return error_oom(error);
        }
        /* What one that was killed has left. */
        r = tree_remove(AT_FDCWD, exporting->parts, error);
        return r == 0 && directory_make(volumes, 0700) < 0
                       ? error_set(error, errno, "cannot create %s", volumes)
                       : r;
}

/* ---- The whole ---- */

int exporting_begin(struct exporting *exporting, struct machine_error *error)
{
        int r = find_layer(exporting, error);

        r = r < 0 ? r : find_image(exporting, error);
        return r < 0 ? r : make_directory(exporting, error);
}

int exporting_take_layer(struct exporting *exporting, struct machine_error *error)
{
        _cleanup_free_ char *layer = string_format("%s/" ARCHIVE_LAYER, exporting->parts);

        if (!layer) {
                return error_oom(error);
        }
        return exporting->layer ? run_image_program(exporting, "export-layer", exporting->layer,
                                                    layer, error)
                                : 0;
}

int exporting_take_volumes(struct exporting *exporting, struct machine_error *error)
{
        return export_volumes(exporting, exporting->volumes, error);
}

int exporting_write(struct exporting *exporting, const char *to, struct machine_error *error)
{
        int r = describe(exporting, exporting->volumes, error);

        return r < 0 ? r
                     : run_image_program(exporting, "export-files", exporting->parts, to, error);
}

void exporting_clear(struct exporting *exporting)
{
        if (exporting->parts) {
                (void)tree_remove(AT_FDCWD, exporting->parts, NULL);
        }
        predecessor_close(&exporting->source);
        machine_free(exporting->machine);
        json_decref(exporting->volumes);
        json_decref(exporting->checkpoint);
        free(exporting->parts);
        free(exporting->layer);
        free(exporting->image_id);
        free(exporting->image_reference);
        *exporting = (struct exporting)EXPORTING_INIT;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/newcomers/importing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "base/tree/tree.h"
#include "base/volume.h"
#include "cli/machines/image_program.h"
#include "cli/machines/machines.h"
#include "cli/newcomers/archive.h"
#include "cli/newcomers/successor.h"
#include "config/config.h"
#include "image/execute.h"
#include "image/image.h"
#include "state/volumes.h"

/* The archive is unpacked in STATE/machines/.import-PID/new/tree, and its parts in the directory of
 * the new machine, both in the sandbox for images. */
#define SCRATCH_PREFIX ".import-"

static int run_image_program(const struct importing *importing, const char *verb,
                             const char *directory, const char *file, struct machine_error *error)
{
        const char *const more[] = { verb, "--", directory, file };
        _cleanup_free_ char *failure = string_format("%s could not be imported", importing->file);
        _cleanup_strv_ char **arguments = NULL;
        int r = cli_image_arguments(importing->cli, &arguments);

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(more); i++) {
                r = strv_append(&arguments, more[i]);
        }
        return r < 0 || !failure ? error_oom(error) : image_run(arguments, failure, error);
}

/* ---- The archive ---- */

/* What imports that were killed have left: nobody holds its lock. */
static void remove_stale(const char *machines)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;

        if (directory_open_at(AT_FDCWD, machines, &directory) < 0) {
                return;
        }
        while ((entry = directory_next(directory))) {
                _cleanup_close_ int fd = -EBADF;

                if (!string_after(entry->d_name, SCRATCH_PREFIX)) {
                        continue;
                }
                fd = openat(dirfd(directory), entry->d_name,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
                        (void)tree_remove(dirfd(directory), entry->d_name, NULL);
                }
        }
}

static int make_scratch(struct importing *importing, struct machine_error *error)
{
        _cleanup_free_ char *machines =
                string_format("%s/machines", importing->cli->directories.state);
        int r = machines ? directory_make(machines, 0700) : -ENOMEM;

        if (r < 0) {
                return error_set(error, r, "cannot create %s", machines ? machines : "");
        }
        remove_stale(machines);
        importing->scratch = string_format("%s/" SCRATCH_PREFIX "%d", machines, getpid());
        importing->archive = importing->scratch
                                     ? string_format("%s/" VOLUME_UNPACKED, importing->scratch)
                                     : NULL;
        if (!importing->archive) {
                return error_oom(error);
        }
        r = tree_remove(AT_FDCWD, importing->scratch, error);
        if (r < 0) {
                return r;
        }
        importing->scratch_fd =
                mkdir(importing->scratch, 0700) < 0
                        ? -1
                        : open(importing->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (importing->scratch_fd < 0 || flock(importing->scratch_fd, LOCK_EX) < 0) {
                return error_set(error, errno, "cannot create %s", importing->scratch);
        }
        return 0;
}

int importing_unpack(struct importing *importing, const char *argument, struct machine_error *error)
{
        int r;

        importing->file = strcmp(argument, "-") == 0 ? "the archive" : argument;
        r = make_scratch(importing, error);
        r = r < 0 ? r
                  : run_image_program(importing, "import-volume", importing->scratch, argument,
                                      error);
        if (r < 0) {
                return r;
        }
        importing->archive_fd =
                open(importing->archive, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return importing->archive_fd < 0
                       ? error_set(error, errno, "cannot open %s", importing->archive)
                       : archive_read(importing->archive_fd, importing->file, &importing->record,
                                      error);
}

/* A part is a file: a link in the archive could lead anywhere. Returns 1 if there is none. */
static int find_part(const struct importing *importing, const char *name, char **ret,
                     struct machine_error *error)
{
        _cleanup_close_ int fd =
                path_open_no_links(importing->archive_fd, name, O_PATH | O_NOFOLLOW, 0);
        struct stat status;

        if (fd == -ENOENT) {
                return 1;
        }
        if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
                return error_say(error, EBADMSG, "%s is damaged: %s is not a file", importing->file,
                                 name);
        }
        *ret = string_format("%s/%s", importing->archive, name);
        return *ret ? 0 : error_oom(error);
}

/* ---- Checks, before anything is made ---- */

static int check_volumes(const struct importing *importing, struct machine_error *error)
{
        const json_t *name;
        size_t index;

        json_array_foreach(json_object_get(importing->record, "volumes"), index, name)
        {
                _cleanup_free_ char *path =
                        volume_path(importing->cli->directories.state, json_string_value(name));

                if (!path) {
                        return error_oom(error);
                }
                if (access(path, F_OK) == 0 && !importing->keep_volumes) {
                        error_say(error, EEXIST, "volume \"%s\" of the machine exists here",
                                  json_string_value(name));
                        error_hint(error,
                                   "--keep-volumes uses it as it is; machinectl-lite volume "
                                   "remove %s removes it",
                                   json_string_value(name));
                        return -EEXIST;
                }
        }
        return 0;
}

/* The layer only fits on its own image. */
static int find_image(const struct importing *importing, struct image_info *ret,
                      struct machine_error *error)
{
        const json_t *image = json_object_get(importing->record, "image");
        const char *reference = json_get_string(image, "reference");
        const char *id = json_get_string(image, "id");

        if (importing->image && !id) {
                return error_say(error, EINVAL, "--image: the machine has no image");
        }
        if (importing->image) {
                return image_resolve(importing->cli->directories.state, importing->image, ret,
                                     error);
        }
        if (!id || image_resolve(importing->cli->directories.state, id, ret, NULL) == 0) {
                return id && string_replace(&ret->reference, reference) < 0 ? error_oom(error) : 0;
        }
        error_say(error, ENOENT, "the machine's image %s%s%s%s is not in the store", id,
                  reference ? " (" : "", reference ? reference : "", reference ? ")" : "");
        error_hint(error,
                   "fetch it with \"machinectl-lite pull %s\"; or, if an image here has the same "
                   "content, as after \"save\" and \"load\", name it with --image",
                   reference ? reference : "REFERENCE");
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

/* ---- Making the machine ---- */

int importing_unpack_layer(struct importing *importing, const char *directory,
                           struct machine_error *error)
{
        _cleanup_free_ char *layer = NULL;
        int r;

        if (!json_is_true(json_object_get(importing->record, "layer"))) {
                return 1;
        }
        r = find_part(importing, ARCHIVE_LAYER, &layer, error);
        if (r > 0) {
                return error_say(error, EBADMSG, "%s is damaged: it has no " ARCHIVE_LAYER,
                                 importing->file);
        }
        return r < 0 ? r : run_image_program(importing, "import-layer", directory, layer, error);
}

static int import_layer(struct importing *importing, const struct image_info *image,
                        struct machine_error *error)
{
        const struct newcomer *newcomer = &importing->newcomer;
        int r = importing_unpack_layer(importing, newcomer->directory, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (renameat(newcomer->directory_fd, VOLUME_UNPACKED, newcomer->directory_fd, "upper") <
                    0 ||
            unlinkat(newcomer->directory_fd, VOLUME_NEW, AT_REMOVEDIR) < 0) {
                return error_set(error, errno, "cannot write to %s", newcomer->directory);
        }
        return image->id ? image_pin(newcomer->directory, image, error) : 0;
}

static int load_volume_definition(const struct cli *cli, const char *name,
                                  struct volume_definition **ret, struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        const struct config_options sources = { .search_path = search_path,
                                                .trust = { .required = true } };
        const struct machine nowhere = { 0 };

        return search_path ? config_load_volume_of(&nowhere, name, &sources, ret, error)
                           : error_oom(error);
}

/* Made below the new machine, it gets its place together with that. */
static int make_volume(struct importing *importing, const char *name, const char *part,
                       struct machine_error *error)
{
        _cleanup_volume_ struct volume volume = { .fd = -EBADF, .write = true };
        struct volume_definition *definition = NULL;
        int r = load_volume_definition(importing->cli, name, &definition, error);

        volume.name = strdup(name);
        volume.path = string_format("%s/.volume-%s", importing->newcomer.directory, name);
        if (r == 0 && (!volume.name || !volume.path)) {
                r = error_oom(error);
        }
        if (r == 0) {
                volume.fd = mkdir(volume.path, 0700) < 0
                                    ? -1
                                    : open(volume.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = volume.fd < 0 ? error_set(error, errno, "cannot create %s", volume.path) : 0;
        }
        r = r < 0 ? r : volume_describe(&volume, definition, NULL, error);
        r = r < 0 ? r : run_image_program(importing, "import-volume", volume.path, part, error);
        r = r < 0 ? r : volume_publish(&volume, VOLUME_UNPACKED, error);
        if (r == 0 && moves_add(&importing->newcomer.moves, strdup(volume.path),
                                volume_path(importing->cli->directories.state, name)) < 0) {
                r = error_oom(error);
        }
        volume_definition_free(definition);
        return r;
}

static int import_volumes(struct importing *importing, struct machine_error *error)
{
        _cleanup_free_ char *volumes =
                string_format("%s/volumes", importing->cli->directories.state);
        const json_t *name;
        size_t index;
        int r = volumes ? directory_make(volumes, 0700) : -ENOMEM;

        if (r < 0) {
                return error_set(error, r, "cannot create %s", volumes ? volumes : "");
        }
        json_array_foreach(json_object_get(importing->record, "volumes"), index, name)
        {
                const char *text = json_string_value(name);
                _cleanup_free_ char *part = NULL, *path = NULL,
                                    *member = string_format(ARCHIVE_VOLUMES "/%s.tar", text);

                path = volume_path(importing->cli->directories.state, text);
                if (!member || !path) {
                        return error_oom(error);
                }
                if (access(path, F_OK) == 0) {
                        continue; /* it is kept */
                }
                r = find_part(importing, member, &part, error);
                r = r == 0 ? make_volume(importing, text, part, error) : r;
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int check_definition(struct importing *importing, struct machine_error *error)
{
        struct newcomer *newcomer = &importing->newcomer;
        _cleanup_free_ char *text = NULL;
        struct machine *machine = NULL;
        int r;

        newcomer->settings = json_incref(json_object_get(importing->record, "definition"));
        text = newcomer_definition(newcomer);
        r = text ? config_load_text(newcomer->name, text, &machine) : -ENOMEM;
        machine_free(machine);
        if (r < 0) {
                return error_set(error, r, "%s is damaged: the definition in it is invalid",
                                 importing->file);
        }
        return 0;
}

int importing_make(struct importing *importing, struct machine_error *error)
{
        _cleanup_image_info_ struct image_info image = IMAGE_INFO_INIT;
        const char *name =
                importing->name ? importing->name : json_get_string(importing->record, "name");
        int r = path_is_component(name)
                        ? cli_open_store(importing->cli, &importing->store, error)
                        : error_say(error, EINVAL, "\"%s\" cannot be the name of a machine", name);

        importing->newcomer.name = strdup(name);
        if (r == 0) {
                importing->lock = state_lock(&importing->store, name, error);
                r = importing->lock < 0 ? importing->lock : 0;
        }
        r = r < 0 ? r : successor_check_name(importing->cli, &importing->store, name, error);
        r = r < 0 ? r : check_volumes(importing, error);
        r = r < 0 ? r : find_image(importing, &image, error);
        r = r < 0 ? r : newcomer_begin(importing->cli, name, NULL, &importing->newcomer, error);
        r = r < 0 ? r : check_definition(importing, error);
        r = r < 0 ? r : import_layer(importing, &image, error);
        r = r < 0 ? r : import_volumes(importing, error);
        return r < 0 ? r
                     : newcomer_publish(importing->cli, &importing->store, &importing->newcomer,
                                        error);
}

void importing_clear(struct importing *importing)
{
        successor_unlock(&importing->store, importing->newcomer.name, importing->lock);
        newcomer_clear(&importing->newcomer);
        if (importing->scratch) {
                (void)tree_remove(AT_FDCWD, importing->scratch, NULL);
        }
        json_decref(importing->record);
        fd_close(importing->archive_fd);
        fd_close(importing->scratch_fd);
        state_store_close(&importing->store);
        free(importing->archive);
        free(importing->scratch);
        *importing = (struct importing)IMPORTING_INIT;
}

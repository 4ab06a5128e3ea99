/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/archive/change.h"
#include "image/archive/compress.h"
#include "image/archive/export.h"
#include "image/archive/load_internal.h"
#include "image/archive/tar_writer.h"
#include "image/image.h"
#include "image/layout.h"

struct committing {
        struct session *session;
        char *machine_directory;
        char *base; /* id of the image below */
        char *const *changes;
        int tar; /* the writable layer as a tar */
        uint64_t size;
        digest_text diff_id;
};

static int compress_piece(void *data, const void *bytes, size_t length)
{
        return compressor_write(data, bytes, length);
}

/* Writes the writable layer as a tar and unpacks that: the result is a layer like any other, with
 * the diff id that a registry would see. */
static int write_tar(struct committing *committing, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/upper", committing->machine_directory);
        _cleanup_compressor_ struct compressor *compressor = NULL;
        _cleanup_close_ int upper = -EBADF;
        digest_text packed;
        int r;

        if (!path) {
                return error_oom(error);
        }
        upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (upper < 0) {
                return error_set(error, errno, "the machine has no writable layer at %s", path);
        }
        committing->tar = openat(committing->session->store.blobs_fd, ".",
                                 O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        r = committing->tar < 0 ? -errno : compressor_open(committing->tar, true, &compressor);
        if (r < 0) {
                return error_set(error, r, "cannot create a temporary file in the image store");
        }
        r = tar_write_tree(upper, -EBADF, compress_piece, compressor, error);
        if (r == 0 &&
            compressor_end(compressor, committing->diff_id, packed, &committing->size) < 0) {
                r = error_set(error, EIO, "cannot write the machine's layer");
        }
        return r;
}

static int add_layer(struct committing *committing, struct machine_error *error)
{
        const struct bundle_file file = { .fd = committing->tar, .length = committing->size };
        _cleanup_loading_ struct loading loading = { .session = committing->session };
        int r;

        loading.layers = calloc(1, sizeof *loading.layers);
        if (!loading.layers) {
                return error_oom(error);
        }
        r = loading_add_layer(&loading, &file, NULL, committing->diff_id, error);
        return r < 0 ? r : loading_finish(&loading, error);
}

/* The config of the base with one more layer and the changes. */
static int extend_config(const struct committing *committing, const struct config *config,
                         char **ret, struct machine_error *error)
{
        _cleanup_json_ json_t *document = json_deep_copy(config->document);
        json_t *history = json_object_get(document, "history");
        char now[32];
        time_t when = time(NULL);
        struct tm parts;
        int r = document ? change_config(document, committing->changes, error) : -ENOMEM;

        if (r < 0) {
                return document ? r : error_oom(error);
        }
        if (!gmtime_r(&when, &parts) ||
            strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0 ||
            json_set_string(document, "created", now) < 0 ||
            json_array_append_new(json_object_get(json_object_get(document, "rootfs"), "diff_ids"),
                                  json_string(committing->diff_id)) < 0 ||
            (json_is_array(history) &&
             json_array_append_new(history, json_pack("{s:s,s:s}", "created", now, "created_by",
                                                      "machinectl-lite commit")) < 0)) {
                return error_oom(error);
        }
        *ret = json_dumps(document, JSON_COMPACT);
        return *ret ? 0 : error_oom(error);
}

static int record(struct committing *committing, char *const *references, digest_text ret_id,
                  struct machine_error *error)
{
        _cleanup_config_ struct config base = CONFIG_INIT, config = CONFIG_INIT;
        _cleanup_free_ char *path = NULL, *text = NULL, *extended = NULL;
        struct new_image image = { .parsed = &config, .references = references };
        digest_text name;
        size_t length;
        int r;

        digest_file_name(committing->base, name);
        path = string_format("%s/" STORE_IMAGE_CONFIG, name);
        if (!path) {
                return error_oom(error);
        }
        r = file_read(committing->session->store.images_fd, path, DOCUMENT_SIZE_MAX, &text,
                      &length);
        if (r < 0) {
                return error_set(error, r, "cannot read the config of the machine's image %s",
                                 committing->base);
        }
        r = config_read(text, length, &base, error);
        if (r < 0) {
                return r;
        }
        r = extend_config(committing, &base, &extended, error);
        if (r < 0) {
                return r;
        }
        image.config = extended;
        image.config_length = strlen(extended);
        r = config_read(extended, image.config_length, &config, error);
        return r < 0 ? r : store_add_image(&committing->session->store, &image, ret_id, error);
}

static int run(struct committing *committing, const char *machine, char *const *references,
               digest_text ret_id, struct machine_error *error)
{
        int r = image_pinned(committing->machine_directory, &committing->base, NULL, error);

        if (r < 0) {
                return r;
        }
        if (!committing->base) {
                error_say(error, EINVAL,
                          "the machine \"%s\" has no writable layer over an image, "
                          "so there is nothing to commit",
                          machine);
                error_hint(error, "archive its root with tar and import it with \"machinectl-lite "
                                  "load --name\"");
                return -EINVAL;
        }
        r = write_tar(committing, error);
        if (r == 0) {
                r = add_layer(committing, error);
        }
        return r < 0 ? r : record(committing, references, ret_id, error);
}

/* Before anything is written. */
static int check_changes(char *const *changes, struct machine_error *error)
{
        _cleanup_json_ json_t *document = json_object();

        return document ? change_config(document, changes, error) : error_oom(error);
}

int commit(struct session *session, const char *machine, const char *name, char *const *changes,
           digest_text ret_id, struct machine_error *error)
{
        struct committing committing = { .session = session, .changes = changes, .tar = -EBADF };
        _cleanup_strv_ char **references = NULL;
        int r;

        if (strchr(machine, '/') || machine[0] == '.' || !*machine) {
                return error_say(error, EINVAL, "invalid machine name \"%s\"", machine);
        }
        r = loading_name(name, &references, error);
        if (r == 0) {
                r = check_changes(changes, error);
        }
        if (r < 0) {
                return r;
        }
        committing.machine_directory =
                string_format("%s/" STORE_MACHINES "/%s", session->store.path, machine);
        r = committing.machine_directory ? run(&committing, machine, references, ret_id, error)
                                         : error_oom(error);
        free(committing.machine_directory);
        free(committing.base);
        fd_close(committing.tar);
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive/export.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "image/archive/bundle.h"
#include "image/archive/compress.h"
#include "image/archive/tar_writer.h"
#include "image/layout.h"

int export_open(const struct exported *exported, const char *digest)
{
        char path[BUNDLE_PATH_SIZE];
        int fd;

        bundle_blob_path(digest, path);
        fd = openat(exported->fd, path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

void export_clear(struct session *session, struct exported *exported)
{
        if (exported->fd >= 0) {
                (void)tree_remove(session->store.images_fd, exported->name, NULL);
                fd_close(exported->fd);
        }
        manifest_clear(&exported->manifest);
        *exported = (struct exported)EXPORTED_INIT;
}

static int write_blob(struct exported *exported, const char *text, size_t length,
                      digest_text ret_digest)
{
        _cleanup_close_ int fd = -EBADF;
        char path[BUNDLE_PATH_SIZE];
        int r = hash_memory(text, length, DIGEST_SHA256, ret_digest);

        if (r < 0) {
                return r;
        }
        bundle_blob_path(ret_digest, path);
        fd = openat(exported->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : file_write_all(fd, text, length);
}

static int compress_piece(void *data, const void *bytes, size_t length)
{
        return compressor_write(data, bytes, length);
}

/* Opens the layer, or the image's variant of it if there is one. */
static char *layer_directory(struct session *session, const char *id, const char *diff_id,
                             size_t number)
{
        _cleanup_free_ char *variant = NULL;
        digest_text image, layer;

        digest_file_name(id, image);
        digest_file_name(diff_id, layer);
        variant = string_format("%s/" STORE_IMAGES "/%s/" STORE_IMAGE_RESOLVED "/%zu",
                                session->store.path, image, number);
        return variant && access(variant, F_OK) < 0 && errno == ENOENT
                       ? string_format("%s/" STORE_LAYERS "/%s", session->store.path, layer)
                       : TAKE_PTR(variant);
}

static int open_layer(const char *directory, const char *what, int flags)
{
        _cleanup_free_ char *path = directory ? path_join(directory, what) : NULL;
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC | flags) : -1;

        return !path ? -ENOMEM : fd < 0 ? -errno : fd;
}

/* Writes one layer under a temporary name and renames it to its digest. */
static int write_layer(struct exported *exported, const char *directory, bool plain,
                       struct descriptor *ret, digest_text ret_diff_id, struct machine_error *error)
{
        _cleanup_close_ int tree = open_layer(directory, STORE_LAYER_TREE, O_DIRECTORY);
        _cleanup_close_ int implied = open_layer(directory, STORE_LAYER_IMPLIED, 0);
        _cleanup_close_ int fd =
                openat(exported->fd, "layer", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        _cleanup_compressor_ struct compressor *compressor = NULL;
        char path[BUNDLE_PATH_SIZE];
        int r;

        if (tree < 0 || implied < 0 || fd < 0) {
                return error_set(error,
                                 tree < 0      ? tree
                                 : implied < 0 ? implied
                                               : -errno,
                                 "cannot open the layer %s", directory ? directory : "");
        }
        r = compressor_open(fd, plain, &compressor);
        if (r < 0) {
                return error_set(error, r, "cannot start to write a layer");
        }
        r = tar_write_tree(tree, implied, compress_piece, compressor, error);
        if (r < 0) {
                return r;
        }
        r = compressor_end(compressor, ret_diff_id, ret->digest, &ret->size);
        if (r == 0) {
                bundle_blob_path(ret->digest, path);
                r = renameat(exported->fd, "layer", exported->fd, path) < 0 ? -errno : 0;
        }
        if (r == 0) {
                ret->media_type =
                        strdup(plain ? MEDIA_TYPE_OCI_LAYER : MEDIA_TYPE_OCI_LAYER "+gzip");
                r = ret->media_type ? 0 : -ENOMEM;
        }
        return r < 0 ? error_set(error, r, "cannot write a layer") : 0;
}

static int write_layers(struct session *session, const char *id, struct exported *exported,
                        const struct config *config, bool plain, json_t *diff_ids,
                        struct machine_error *error)
{
        struct manifest *manifest = &exported->manifest;

        manifest->layers = calloc(config->diff_id_count + 1, sizeof *manifest->layers);
        if (!manifest->layers) {
                return error_oom(error);
        }
        for (size_t i = 0; i < config->diff_id_count; i++) {
                _cleanup_free_ char *directory =
                        layer_directory(session, id, config->diff_ids[i], i);
                digest_text diff_id;
                int r = write_layer(exported, directory, plain, &manifest->layers[i], diff_id,
                                    error);

                if (r < 0) {
                        return r;
                }
                manifest->layer_count++;
                if (json_array_append_new(diff_ids, json_string(diff_id)) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

static json_t *describe(const struct descriptor *descriptor)
{
        return json_pack("{s:s,s:s,s:I}", "mediaType", descriptor->media_type, "digest",
                         descriptor->digest, "size", (json_int_t)descriptor->size);
}

/* The config with the diff ids of the layers as written. If they have not changed, it is the stored
 * text byte for byte, so that the image keeps its id. */
static char *update_config(const struct config *config, const char *stored, json_t *diff_ids)
{
        _cleanup_json_ json_t *document = json_deep_copy(config->document);
        json_t *rootfs = json_object_get(document, "rootfs");

        if (!document) {
                return NULL;
        }
        if (json_equal(json_object_get(rootfs, "diff_ids"), diff_ids)) {
                return strdup(stored);
        }
        return json_object_set(rootfs, "diff_ids", diff_ids) < 0
                       ? NULL
                       : json_dumps(document, JSON_COMPACT);
}

static int write_config(struct exported *exported, const struct config *config, const char *stored,
                        json_t *diff_ids, struct machine_error *error)
{
        _cleanup_free_ char *text = update_config(config, stored, diff_ids);
        struct descriptor *descriptor = &exported->manifest.config;
        int r;

        descriptor->media_type = strdup(MEDIA_TYPE_OCI_CONFIG);
        if (!text || !descriptor->media_type) {
                return error_oom(error);
        }
        descriptor->size = strlen(text);
        r = write_blob(exported, text, strlen(text), descriptor->digest);
        return r < 0 ? error_set(error, r, "cannot write the image's config") : 0;
}

static int write_manifest(struct exported *exported, const char *media_type,
                          struct machine_error *error)
{
        _cleanup_json_ json_t *layers = json_array(), *document = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        for (size_t i = 0; i < exported->manifest.layer_count; i++) {
                if (json_array_append_new(layers, describe(&exported->manifest.layers[i])) < 0) {
                        return error_oom(error);
                }
        }
        document = json_pack("{s:i,s:s,s:o,s:O}", "schemaVersion", 2, "mediaType", media_type,
                             "config", describe(&exported->manifest.config), "layers", layers);
        text = document ? json_dumps(document, JSON_COMPACT) : NULL;
        if (!text) {
                return error_oom(error);
        }
        exported->size = strlen(text);
        r = write_blob(exported, text, strlen(text), exported->digest);
        return r < 0 ? error_set(error, r, "cannot write the image's manifest") : 0;
}

int export_for_docker(struct exported *exported, struct machine_error *error)
{
        struct manifest *manifest = &exported->manifest;
        int r = string_replace(&manifest->config.media_type, MEDIA_TYPE_DOCKER_CONFIG);

        for (size_t i = 0; r == 0 && i < manifest->layer_count; i++) {
                char **type = &manifest->layers[i].media_type;

                r = string_replace(type, string_ends_with(*type, "+gzip")
                                                 ? MEDIA_TYPE_DOCKER_LAYER ".gzip"
                                                 : MEDIA_TYPE_DOCKER_LAYER);
        }
        return r < 0 ? error_oom(error)
                     : write_manifest(exported, MEDIA_TYPE_DOCKER_MANIFEST, error);
}

static int read_stored_config(struct session *session, const char *id, struct config *ret,
                              char **ret_text, struct machine_error *error)
{
        _cleanup_free_ char *path = NULL, *text = NULL;
        digest_text name;
        size_t length;
        int r;

        digest_file_name(id, name);
        path = string_format("%s/" STORE_IMAGE_CONFIG, name);
        if (!path) {
                return error_oom(error);
        }
        r = file_read(session->store.images_fd, path, DOCUMENT_SIZE_MAX, &text, &length);
        if (r < 0) {
                return error_set(error, r, "cannot read the image's config");
        }
        r = config_read(text, length, ret, error);
        if (r == 0) {
                *ret_text = TAKE_PTR(text);
        }
        return r;
}

static int fill(struct session *session, const char *id, bool plain, struct exported *exported,
                struct machine_error *error)
{
        _cleanup_config_ struct config config = CONFIG_INIT;
        _cleanup_json_ json_t *diff_ids = json_array();
        _cleanup_free_ char *stored = NULL;
        int r = read_stored_config(session, id, &config, &stored, error);

        if (r < 0) {
                return r;
        }
        r = write_layers(session, id, exported, &config, plain, diff_ids, error);
        if (r == 0) {
                r = write_config(exported, &config, stored, diff_ids, error);
        }
        return r < 0 ? r : write_manifest(exported, MEDIA_TYPE_OCI_MANIFEST, error);
}

int export_begin(struct session *session, struct exported *ret, struct machine_error *error)
{
        struct exported exported = EXPORTED_INIT;

        exported.fd = store_make_temporary(session->store.images_fd, exported.name, error);
        if (exported.fd < 0) {
                return exported.fd;
        }
        if (mkdirat(exported.fd, "blobs", 0755) < 0 ||
            mkdirat(exported.fd, "blobs/sha256", 0755) < 0) {
                int r = error_set(error, errno, "cannot write to the image store");

                export_clear(session, &exported);
                return r;
        }
        *ret = exported;
        return 0;
}

int export_image(struct session *session, const char *id, bool plain, struct exported *ret,
                 struct machine_error *error)
{
        struct exported exported = EXPORTED_INIT;
        int r = export_begin(session, &exported, error);

        if (r < 0) {
                return r;
        }
        r = fill(session, id, plain, &exported, error);
        if (r < 0) {
                export_clear(session, &exported);
                return r;
        }
        *ret = exported;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/export.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/bundle.h"
#include "image/compress.h"
#include "image/layout.h"
#include "image/remove.h"
#include "image/tar_writer.h"

int export_open(const struct exported *exported, const char *digest)
{
        char path[96];
        int fd;

        bundle_blob_path(digest, path);
        fd = openat(exported->fd, path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

void export_clear(struct session *session, struct exported *exported)
{
        if (exported->fd >= 0) {
                (void)remove_tree(session->store.images_fd, exported->name);
                fd_close(exported->fd);
        }
        manifest_clear(&exported->manifest);
        *exported = (struct exported)EXPORTED_INIT;
}

static int write_blob(struct exported *exported, const char *text, size_t length,
                      digest_text ret_digest)
{
        _cleanup_close_ int fd = -EBADF;
        char path[96];
        int r = hash_memory(text, length, ret_digest);

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

static int open_layer(struct session *session, const char *diff_id, const char *what, int flags)
{
        _cleanup_free_ char *path = NULL;
        digest_text name;
        int fd;

        digest_file_name(diff_id, name);
        path = string_format("%s/%s", name, what);
        if (!path) {
                return -ENOMEM;
        }
        fd = openat(session->store.layers_fd, path, O_RDONLY | O_CLOEXEC | flags);
        return fd < 0 ? -errno : fd;
}

/* Writes one layer under a passing name and gives it the one that its digest says. */
static int write_layer(struct session *session, struct exported *exported, const char *diff_id,
                       bool plain, struct descriptor *ret, digest_text ret_diff_id,
                       struct machine_error *error)
{
        _cleanup_close_ int tree = open_layer(session, diff_id, STORE_LAYER_TREE, O_DIRECTORY);
        _cleanup_close_ int implied = open_layer(session, diff_id, "implied", 0);
        _cleanup_close_ int fd =
                openat(exported->fd, "layer", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        _cleanup_compressor_ struct compressor *compressor = NULL;
        char path[96];
        int r;

        if (tree < 0 || implied < 0 || fd < 0) {
                return error_set(error,
                                 tree < 0      ? tree
                                 : implied < 0 ? implied
                                               : -errno,
                                 "cannot open the layer %s", diff_id);
        }
        r = compressor_open(fd, plain, &compressor);
        if (r < 0) {
                return error_set(error, r, "cannot begin to write a layer");
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

static int write_layers(struct session *session, struct exported *exported,
                        const struct config *config, bool plain, json_t *diff_ids,
                        struct machine_error *error)
{
        struct manifest *manifest = &exported->manifest;

        manifest->layers = calloc(config->diff_id_count, sizeof *manifest->layers);
        if (!manifest->layers) {
                return error_oom(error);
        }
        for (size_t i = 0; i < config->diff_id_count; i++) {
                digest_text diff_id;
                int r = write_layer(session, exported, config->diff_ids[i], plain,
                                    &manifest->layers[i], diff_id, error);

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

/* The config with the diff ids of the layers as they were written; byte for byte as it is stored
 * where that changes nothing, so that the image keeps its id. */
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

static int write_manifest(struct exported *exported, struct machine_error *error)
{
        _cleanup_json_ json_t *layers = json_array(), *document = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        for (size_t i = 0; i < exported->manifest.layer_count; i++) {
                if (json_array_append_new(layers, describe(&exported->manifest.layers[i])) < 0) {
                        return error_oom(error);
                }
        }
        document = json_pack("{s:i,s:s,s:o,s:O}", "schemaVersion", 2, "mediaType",
                             MEDIA_TYPE_OCI_MANIFEST, "config",
                             describe(&exported->manifest.config), "layers", layers);
        text = document ? json_dumps(document, JSON_COMPACT) : NULL;
        if (!text) {
                return error_oom(error);
        }
        exported->size = strlen(text);
        r = write_blob(exported, text, strlen(text), exported->digest);
        return r < 0 ? error_set(error, r, "cannot write the image's manifest") : 0;
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
        if (mkdirat(exported->fd, "blobs", 0755) < 0 ||
            mkdirat(exported->fd, "blobs/sha256", 0755) < 0) {
                return error_set(error, errno, "cannot write to the image store");
        }
        r = write_layers(session, exported, &config, plain, diff_ids, error);
        if (r == 0) {
                r = write_config(exported, &config, stored, diff_ids, error);
        }
        return r < 0 ? r : write_manifest(exported, error);
}

int export_image(struct session *session, const char *id, bool plain, struct exported *ret,
                 struct machine_error *error)
{
        struct exported exported = EXPORTED_INIT;
        int r;

        exported.fd = store_make_temporary(session->store.images_fd, exported.name, error);
        if (exported.fd < 0) {
                return exported.fd;
        }
        r = fill(session, id, plain, &exported, error);
        if (r < 0) {
                export_clear(session, &exported);
                return r;
        }
        *ret = exported;
        return 0;
}

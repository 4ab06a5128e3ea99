/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "image/layout.h"
#include "image/store/store.h"

int store_begin_layer(struct store *store, struct new_layer *ret, struct machine_error *error)
{
        struct new_layer layer = NEW_LAYER_INIT;

        layer.fd = store_make_temporary(store->layers_fd, layer.name, error);
        if (layer.fd < 0) {
                return layer.fd;
        }
        if (mkdirat(layer.fd, STORE_LAYER_TREE, 0755) == 0) {
                layer.entries = openat(layer.fd, STORE_LAYER_ENTRIES,
                                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                layer.implied = openat(layer.fd, STORE_LAYER_IMPLIED,
                                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        }
        /* The tree's mode is 0755 regardless of the umask. */
        if (layer.entries < 0 || layer.implied < 0 ||
            fchmodat(layer.fd, STORE_LAYER_TREE, 0755, 0) < 0) {
                int saved = errno;

                store_discard_layer(store, &layer);
                return error_set(error, saved, "cannot write to the image store");
        }
        *ret = layer;
        return 0;
}

void store_discard_layer(struct store *store, struct new_layer *layer)
{
        if (*layer->name) {
                (void)tree_remove(store->layers_fd, layer->name, NULL);
        }
        fd_close(layer->entries);
        fd_close(layer->implied);
        fd_close(layer->fd);
        *layer = (struct new_layer)NEW_LAYER_INIT;
}

bool store_has_layer(struct store *store, const char *diff_id)
{
        digest_text name;

        digest_file_name(diff_id, name);
        return faccessat(store->layers_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_finish_layer(struct new_layer *layer, struct machine_error *error)
{
        const struct unpack_result *unpacked = &layer->result.unpacked;
        _cleanup_json_ json_t *record =
                json_pack("{s:i,s:s,s:I,s:I,s:I,s:I}", "version", STORE_VERSION, "diff_id",
                          layer->result.digest, "archive", (json_int_t)layer->result.output,
                          "bytes", (json_int_t)unpacked->bytes, "entries",
                          (json_int_t)unpacked->entries, "implied", (json_int_t)unpacked->implied);
        _cleanup_free_ char *text = record ? json_dumps(record, JSON_INDENT(1)) : NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!text) {
                return error_oom(error);
        }
        fd = openat(layer->fd, STORE_LAYER_RECORD, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
        if (r < 0) {
                return error_set(error, r, "cannot write a layer's record");
        }
        memcpy(layer->diff_id, layer->result.digest, sizeof layer->diff_id);
        return 0;
}

static int publish(struct store *store, struct new_layer *layer, struct machine_error *error)
{
        digest_text name;

        digest_file_name(layer->diff_id, name);
        if (renameat(store->layers_fd, layer->name, store->layers_fd, name) < 0) {
                if (errno != EEXIST && errno != ENOTEMPTY) {
                        return error_set(error, errno, "cannot add a layer to the store");
                }
                store_discard_layer(store, layer);
                return 0;
        }
        /* The lock was for the temporary name. */
        *layer->name = '\0';
        layer->entries = fd_close(layer->entries);
        layer->implied = fd_close(layer->implied);
        layer->fd = fd_close(layer->fd);
        return 0;
}

int store_publish_layers(struct store *store, struct new_layer *const *layers, size_t count,
                         struct machine_error *error)
{
        if (count == 0) {
                return 0;
        }
        /* Content before names: after a power failure, a name implies a complete layer. */
        if (syncfs(store->layers_fd) < 0) {
                return error_set(error, errno, "cannot write the layers to disk");
        }
        for (size_t i = 0; i < count; i++) {
                int r = publish(store, layers[i], error);

                if (r < 0) {
                        return r;
                }
        }
        return fsync(store->layers_fd) < 0
                       ? error_set(error, errno, "cannot write the store's directory to disk")
                       : 0;
}

int store_read_layer(struct store *store, const char *diff_id, struct layer_info *ret,
                     struct machine_error *error)
{
        _cleanup_json_ json_t *record = NULL;
        _cleanup_free_ char *path = NULL;
        struct layer_info info;
        digest_text name;
        int r;

        digest_file_name(diff_id, name);
        path = string_format("%s/" STORE_LAYER_RECORD, name);
        if (!path) {
                return error_oom(error);
        }
        r = store_read_record(store->layers_fd, path, path, &record, error);
        if (r == -ENOENT) {
                return error_set(error, r, "the store lacks the layer %s", diff_id);
        }
        if (r < 0) {
                return r;
        }
        if (json_get_number(record, "bytes", &info.bytes) < 0 ||
            json_get_number(record, "entries", &info.entries) < 0 ||
            json_get_number(record, "implied", &info.implied) < 0 ||
            json_get_number(record, "archive", &info.archive) < 0 ||
            !string_equal(json_get_string(record, "diff_id"), diff_id)) {
                return error_say(error, EINVAL, "the record of the layer %s is damaged", diff_id);
        }
        *ret = info;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "image/common/hash.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/store/store.h"

static int write_file(int directory_fd, const char *name, const char *text, size_t length)
{
        _cleanup_close_ int fd =
                openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : file_write_all(fd, text, length);

        return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static json_t *describe_layers(const struct new_image *image)
{
        json_t *layers = json_array();

        for (size_t i = 0; layers && i < image->parsed->diff_id_count; i++) {
                const struct descriptor *blob = image->layers ? &image->layers->layers[i] : NULL;
                json_t *layer =
                        blob ? json_pack("{s:s,s:s,s:I,s:s}", "diff_id", image->parsed->diff_ids[i],
                                         "blob", blob->digest, "size", (json_int_t)blob->size,
                                         "media_type", blob->media_type)
                             : json_pack("{s:s}", "diff_id", image->parsed->diff_ids[i]);

                if (json_array_append_new(layers, layer) < 0) {
                        json_decref(layers);
                        return NULL;
                }
        }
        return layers;
}

/* The record without "directories", which is added later. */
static int describe(const struct new_image *image, const char *id, json_t **ret,
                    struct machine_error *error)
{
        _cleanup_json_ json_t *defaults = NULL;
        _cleanup_json_ json_t *record = json_object();
        const char *created = json_get_string(image->parsed->document, "created");
        int r = config_defaults(image->parsed, &defaults, error);

        if (r < 0) {
                return r;
        }
        if (!record || json_set_number(record, "version", STORE_VERSION) < 0 ||
            json_set_string(record, "id", id) < 0 ||
            json_set_string(record, "manifest", image->manifest_digest) < 0 ||
            json_set_string(record, "os", image->parsed->os) < 0 ||
            json_set_string(record, "architecture", image->parsed->architecture) < 0 ||
            json_set_string(record, "variant", image->parsed->variant) < 0 ||
            json_set_string(record, "created", created) < 0 ||
            json_set_number(record, "added", (uint64_t)time(NULL)) < 0 ||
            json_set_value(record, "layers", describe_layers(image)) < 0 ||
            json_set_value(record, "config", TAKE_PTR(defaults)) < 0) {
                return error_oom(error);
        }
        *ret = TAKE_PTR(record);
        return 0;
}

/* Makes the image's own parts and writes its record. */
static int add_trees(struct store *store, int fd, const struct config *config, json_t *record,
                     bool *ret, struct machine_error *error)
{
        struct image_trees trees = { false, NULL };
        json_t *layers = json_object_get(record, "layers");
        int r = store_make_directories(store, fd, config, &trees, error);

        if (r < 0) {
                return r;
        }
        *ret = trees.directories;
        r = json_set_boolean(record, "directories", trees.directories);
        for (size_t i = 0; r == 0 && i < config->diff_id_count; i++) {
                if (trees.resolved[i]) {
                        *ret = true;
                        r = json_set_boolean(json_array_get(layers, i), "resolved", true);
                }
        }
        free(trees.resolved);
        return r < 0 ? error_oom(error) : 0;
}

static int write_image(struct store *store, int fd, const struct new_image *image, const char *id,
                       struct machine_error *error)
{
        _cleanup_json_ json_t *record = NULL;
        _cleanup_free_ char *text = NULL;
        bool trees = false;
        int r = describe(image, id, &record, error);

        if (r == 0) {
                r = add_trees(store, fd, image->parsed, record, &trees, error);
        }
        if (r < 0) {
                return r;
        }
        text = json_dumps(record, JSON_INDENT(1));
        if (!text) {
                return error_oom(error);
        }
        r = write_file(fd, STORE_IMAGE_CONFIG, image->config, image->config_length);
        if (r == 0 && image->manifest) {
                r = write_file(fd, STORE_IMAGE_MANIFEST, image->manifest, image->manifest_length);
        }
        if (r == 0) {
                r = write_file(fd, STORE_IMAGE_RECORD, text, strlen(text));
        }
        if (r == 0 && ((trees && syncfs(fd) < 0) || fsync(fd) < 0)) {
                r = -errno;
        }
        return r < 0 ? error_set(error, r, "cannot write the image's record") : 0;
}

static int publish(struct store *store, const char *temporary, const char *id,
                   struct machine_error *error)
{
        digest_text name;

        digest_file_name(id, name);
        if (renameat(store->images_fd, temporary, store->images_fd, name) < 0) {
                if (errno != EEXIST && errno != ENOTEMPTY) {
                        return error_set(error, errno, "cannot add the image to the store");
                }
                return 0;
        }
        return fsync(store->images_fd) < 0
                       ? error_set(error, errno, "cannot write the store's directory to disk")
                       : 0;
}

static bool is_there(struct store *store, const char *id)
{
        _cleanup_json_ json_t *record = NULL;

        return store_read_image(store, id, &record, NULL) == 0;
}

int store_add_image(struct store *store, const struct new_image *image, digest_text ret_id,
                    struct machine_error *error)
{
        char temporary[64] = "";
        _cleanup_close_ int fd = -EBADF;
        digest_text id;
        int r = hash_memory(image->config, image->config_length, DIGEST_SHA256, id);

        if (r < 0) {
                return error_set(error, r, "cannot compute SHA-256");
        }
        if (!is_there(store, id)) {
                fd = store_make_temporary(store->images_fd, temporary, error);
                if (fd < 0) {
                        return fd;
                }
                r = write_image(store, fd, image, id, error);
                if (r == 0) {
                        r = publish(store, temporary, id, error);
                }
                (void)tree_remove(store->images_fd, temporary, NULL);
        }
        if (r == 0 && image->references) {
                r = store_set_references(store, image->references, id, error);
        }
        if (r == 0 && ret_id) {
                memcpy(ret_id, id, sizeof(digest_text));
        }
        return r;
}

/* Searches by the first digits of the id, with or without "sha256:". Returns the number of matches.
 */
static int find_by_digits(struct store *store, const char *text, digest_text ret_id,
                          struct machine_error *error)
{
        const char *rest = string_after(text, DIGEST_PREFIX);
        const char *digits = rest ? rest : text;
        size_t length = strlen(digits);
        _cleanup_strv_ char **ids = NULL;
        int count = 0, r;

        if (length < 4 || length > DIGEST_HEX_LENGTH ||
            strspn(digits, "0123456789abcdef") != length) {
                return 0;
        }
        r = store_list_images(store, &ids, error);
        if (r < 0) {
                return r;
        }
        STRV_FOREACH(id, ids) {
                if (strncmp(*id + strlen(DIGEST_PREFIX), digits, length) == 0) {
                        digest_copy(*id, ret_id);
                        count++;
                }
        }
        return count;
}

static int find_by_reference(struct store *store, const char *text, digest_text ret_id,
                             char **ret_reference, struct machine_error *error)
{
        _cleanup_image_reference_ struct image_reference parsed = IMAGE_REFERENCE_INIT;
        _cleanup_json_ json_t *references = NULL;
        _cleanup_free_ char *full = NULL;
        const char *id;
        int r = image_reference_parse(text, &parsed, error);

        if (r == 0) {
                r = store_read_references(store, &references, error);
        }
        if (r < 0) {
                return r;
        }
        full = image_reference_format(&parsed);
        if (!full) {
                return error_oom(error);
        }
        id = store_find_reference(references, full);
        if (!id) {
                error_say(error, ENOENT, "no image \"%s\" in the store", full);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
                error_hint(error, "\"machinectl-lite list-images\" lists the images of the store");
                return -ENOENT;
        }
        digest_copy(id, ret_id);
        if (ret_reference) {
                *ret_reference = TAKE_PTR(full);
        }
        return 0;
}

int store_find_image(struct store *store, const char *text, digest_text ret_id,
                     char **ret_reference, struct machine_error *error)
{
        _cleanup_error_ struct machine_error problem = MACHINE_ERROR_INIT;
        int count, r = find_by_reference(store, text, ret_id, ret_reference, &problem);

        if (r == 0) {
                return 0;
        }
        count = find_by_digits(store, text, ret_id, error);
        if (count < 0) {
                return count;
        }
        if (count > 1) {
                return error_say(error, EINVAL,
                                 "\"%s\" is ambiguous: it matches the ids of %d images", text,
                                 count);
        }
        if (count == 1) {
                if (ret_reference) {
                        *ret_reference = NULL;
                }
                return 0;
        }
        error_move(error, &problem);
        return r;
}

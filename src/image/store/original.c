/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/store/original.h"

#include <string.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/common/hash.h"
#include "image/layout.h"

void original_document_clear(struct original_document *document)
{
        free(document->text);
        free(document->media_type);
        *document = (struct original_document){ .text = NULL };
}

void original_clear(struct original *original)
{
        free(original->domain);
        free(original->repository);
        original_document_clear(&original->manifest);
        original_document_clear(&original->index);
        *original = (struct original){ .domain = NULL };
}

/* Documents of OCI may leave their type to the registry's header. */
static char *type_of(const char *text, size_t length, const char *fallback)
{
        _cleanup_json_ json_t *document = NULL;
        const char *type = document_parse(text, length, "the manifest", &document, NULL) < 0
                                   ? NULL
                                   : json_get_string(document, "mediaType");

        return type || fallback
                       ? strdup(type ? type : fallback)
                       : strdup(json_object_get(document, "manifests") ? MEDIA_TYPE_OCI_INDEX
                                                                       : MEDIA_TYPE_OCI_MANIFEST);
}

int original_document_set(struct original_document *ret, const char *text, size_t length,
                          const char *media_type, struct machine_error *error)
{
        struct original_document document = {
                .text = malloc(length + 1),
                .length = length,
                .media_type = type_of(text, length, media_type),
        };

        if (!document.text || !document.media_type ||
            hash_memory(text, length, DIGEST_SHA256, document.digest) < 0) {
                original_document_clear(&document);
                return error_oom(error);
        }
        memcpy(document.text, text, length);
        document.text[length] = '\0';
        *ret = document;
        return 0;
}

static json_t *describe(const struct original_document *document)
{
        return json_pack("{s:s,s:s%}", "media_type", document->media_type, "text", document->text,
                         document->length);
}

static char *path_of(const char *id)
{
        digest_text name;

        digest_file_name(id, name);
        return string_format("%s/" STORE_IMAGE_ORIGINAL, name);
}

int original_write(struct store *store, const char *id, const struct original *original,
                   struct machine_error *error)
{
        _cleanup_json_ json_t *record =
                json_pack("{s:i,s:s,s:s}", "version", STORE_VERSION, "domain", original->domain,
                          "repository", original->repository);
        _cleanup_free_ char *path = path_of(id), *text = NULL;
        _cleanup_close_ int lock = -EBADF;
        int r;

        if (!record || !path) {
                return error_oom(error);
        }
        /* Text that is not UTF-8 cannot be recorded: such an image is packed again. */
        if (json_set_value(record, "manifest", describe(&original->manifest)) < 0 ||
            (original->index.text &&
             json_set_value(record, "index", describe(&original->index)) < 0)) {
                return 0;
        }
        text = json_dumps(record, JSON_INDENT(1));
        if (!text) {
                return error_oom(error);
        }
        /* Two pulls of one image write it one after the other. */
        lock = file_lock(store->images_fd, STORE_REFERENCES_LOCK, LOCK_EX);
        r = lock < 0 ? lock : file_write_atomic(store->images_fd, path, text, strlen(text), 0600);
        return r < 0 ? error_set(error, r, "cannot record where the image was pulled from") : 0;
}

static int read_document(const json_t *object, struct original_document *ret,
                         struct machine_error *error)
{
        const json_t *text = json_object_get(object, "text");

        if (!json_is_string(text)) {
                return error_say(error, EINVAL, "the record " STORE_IMAGE_ORIGINAL " is damaged");
        }
        return original_document_set(ret, json_string_value(text), json_string_length(text),
                                     json_get_string(object, "media_type"), error);
}

int original_read(struct store *store, const char *id, struct original *ret,
                  struct machine_error *error)
{
        _cleanup_original_ struct original original = { .domain = NULL };
        _cleanup_json_ json_t *record = NULL;
        _cleanup_free_ char *path = path_of(id);
        const char *domain, *repository;
        int r = path ? store_read_record(store->images_fd, path, path, &record, error)
                     : error_oom(error);

        if (r < 0) {
                return r == -ENOENT ? 0 : r;
        }
        domain = json_get_string(record, "domain");
        repository = json_get_string(record, "repository");
        original.domain = strdup(domain ? domain : "");
        original.repository = strdup(repository ? repository : "");
        if (!original.domain || !original.repository) {
                return error_oom(error);
        }
        r = read_document(json_object_get(record, "manifest"), &original.manifest, error);
        if (r == 0 && json_object_get(record, "index")) {
                r = read_document(json_object_get(record, "index"), &original.index, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = original;
        original = (struct original){ .domain = NULL };
        return 1;
}

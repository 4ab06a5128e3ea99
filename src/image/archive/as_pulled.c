/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive/as_pulled.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/archive/bundle.h"
#include "image/layout.h"

void as_pulled_clear(struct as_pulled *pulled)
{
        for (size_t i = 0; i < pulled->count; i++) {
                original_document_clear(&pulled->documents[i].document);
                manifest_clear(&pulled->documents[i].blobs);
        }
        free(pulled->documents);
        original_clear(&pulled->original);
        *pulled = (struct as_pulled){ .documents = NULL };
}

/* The image's own config is in its directory; the configs of other platforms are kept blobs. */
int as_pulled_open(struct session *session, const struct as_pulled *pulled, const char *digest)
{
        _cleanup_free_ char *path = NULL;
        digest_text name;
        int fd;

        if (strcmp(digest, pulled->id) != 0) {
                return kept_open(&session->store, digest);
        }
        digest_file_name(digest, name);
        path = string_format("%s/" STORE_IMAGE_CONFIG, name);
        fd = path ? openat(session->store.images_fd, path, O_RDONLY | O_CLOEXEC) : -1;
        return !path ? -ENOMEM : fd < 0 ? -errno : fd;
}

/* ---- Reading ---- */

/* The index and each of its entries, or the one manifest. */
static int add_document(struct as_pulled *pulled, const struct original_document *from,
                        const char *digest, bool manifest, struct machine_error *error)
{
        struct as_pulled_document *to = &pulled->documents[pulled->count];
        _cleanup_json_ json_t *document = NULL;
        int r = original_document_set(&to->document, from->text, from->length, from->media_type,
                                      error);

        if (r < 0) {
                return r;
        }
        pulled->count++;
        digest_copy(digest, to->digest);
        if (!manifest) {
                return 0;
        }
        r = document_parse(from->text, from->length, "a stored manifest", &document, error);
        return r < 0 ? r : manifest_read_blobs(document, &to->blobs, error);
}

static int lacks(const char *digest, struct machine_error *error)
{
        error_say(error, ENOENT, "the store lacks %s, which the image's index names", digest);
        error_hint(error, "\"machinectl-lite pull --all-platforms\" fetches every platform");
        return -ENOENT;
}

static int add_entry(struct session *session, struct as_pulled *pulled, const json_t *entry,
                     struct machine_error *error)
{
        _cleanup_descriptor_ struct descriptor descriptor = { .media_type = NULL };
        struct original_document document = { .text = NULL };
        int r = descriptor_read(entry, "an entry of the index", &descriptor, error);

        if (r < 0) {
                return r;
        }
        r = kept_read(&session->store, descriptor.digest, &document.text, &document.length);
        if (r < 0) {
                return r == -ENOENT ? lacks(descriptor.digest, error)
                                    : error_set(error, r, "cannot read a kept manifest");
        }
        document.media_type = *descriptor.media_type ? descriptor.media_type : NULL;
        r = add_document(pulled, &document, descriptor.digest, true, error);
        free(document.text);
        return r;
}

static int add_index(struct session *session, struct as_pulled *pulled, struct machine_error *error)
{
        const struct original_document *index = &pulled->original.index;
        _cleanup_json_ json_t *document = NULL;
        const json_t *entries, *entry;
        size_t i;
        int r;

        if (!index->text) {
                error_say(error, ENOENT, "the image was not pulled with all its platforms");
                error_hint(error, "\"machinectl-lite pull --all-platforms\" fetches them");
                return -ENOENT;
        }
        r = document_parse(index->text, index->length, "the stored index", &document, error);
        if (r < 0) {
                return r;
        }
        entries = json_object_get(document, "manifests");
        pulled->documents = calloc(json_array_size(entries) + 1, sizeof *pulled->documents);
        if (!pulled->documents) {
                return error_oom(error);
        }
        json_array_foreach(entries, i, entry)
        {
                r = add_entry(session, pulled, entry, error);
                if (r < 0) {
                        return r;
                }
        }
        return add_document(pulled, index, index->digest, false, error);
}

/* Returns 1 or 0, or -errno if every blob is needed. */
static int check_blobs(struct session *session, const struct as_pulled *pulled, bool needed,
                       struct machine_error *error)
{
        for (size_t i = 0; i < pulled->count; i++) {
                const struct manifest *blobs = &pulled->documents[i].blobs;

                for (size_t j = 0; j < blobs->layer_count; j++) {
                        if (!kept_has(&session->store, blobs->layers[j].digest)) {
                                return needed ? lacks(blobs->layers[j].digest, error) : 0;
                        }
                }
        }
        return 1;
}

int as_pulled_read(struct session *session, const char *id, bool all_platforms,
                   struct as_pulled *ret, struct machine_error *error)
{
        int r = original_read(&session->store, id, &ret->original, error);

        if (r < 0 || (r == 0 && !all_platforms)) {
                return r;
        }
        digest_copy(id, ret->id);
        if (all_platforms) {
                r = add_index(session, ret, error);
        } else {
                ret->documents = calloc(1, sizeof *ret->documents);
                r = ret->documents ? add_document(ret, &ret->original.manifest,
                                                  ret->original.manifest.digest, true, error)
                                   : error_oom(error);
        }
        return r < 0 ? r : check_blobs(session, ret, all_platforms, error);
}

/* ---- Writing a layout ---- */

/* SHA-512 has a directory of its own, which few images need. */
static int open_target(const struct exported *exported, const char *digest)
{
        char path[BUNDLE_PATH_SIZE];
        int fd;

        if (digest_algorithm_of(digest) == DIGEST_SHA512 &&
            mkdirat(exported->fd, "blobs/sha512", 0755) < 0 && errno != EEXIST) {
                return -errno;
        }
        bundle_blob_path(digest, path);
        fd = openat(exported->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : fd;
}

static int export_blob(struct session *session, const struct as_pulled *pulled,
                       const struct exported *exported, const char *digest,
                       struct machine_error *error)
{
        _cleanup_close_ int from = as_pulled_open(session, pulled, digest);
        _cleanup_close_ int to = from < 0 ? -EBADF : open_target(exported, digest);
        int r = from < 0 ? from : to < 0 ? to : file_copy(from, to);

        return r < 0 ? error_set(error, r, "cannot copy the blob %s", digest) : 0;
}

static int export_document(struct session *session, const struct as_pulled *pulled,
                           const struct as_pulled_document *document,
                           const struct exported *exported, struct machine_error *error)
{
        const struct manifest *blobs = &document->blobs;
        _cleanup_close_ int fd = open_target(exported, document->digest);
        int r = fd < 0 ? fd
                       : file_write_all(fd, document->document.text, document->document.length);

        if (r < 0) {
                return error_set(error, r, "cannot write the manifest %s", document->digest);
        }
        if (*blobs->config.digest) {
                r = export_blob(session, pulled, exported, blobs->config.digest, error);
        }
        for (size_t i = 0; r == 0 && i < blobs->layer_count; i++) {
                r = export_blob(session, pulled, exported, blobs->layers[i].digest, error);
        }
        return r;
}

int as_pulled_export(struct session *session, const struct as_pulled *pulled, struct exported *ret,
                     struct machine_error *error)
{
        const struct as_pulled_document *top = &pulled->documents[pulled->count - 1];
        struct exported exported = EXPORTED_INIT;
        int r = export_begin(session, &exported, error);

        for (size_t i = 0; r == 0 && i < pulled->count; i++) {
                r = export_document(session, pulled, &pulled->documents[i], &exported, error);
        }
        if (r < 0) {
                export_clear(session, &exported);
                return r;
        }
        digest_copy(top->digest, exported.digest);
        exported.size = top->document.length;
        exported.media_type = top->document.media_type;
        *ret = exported;
        return 1;
}

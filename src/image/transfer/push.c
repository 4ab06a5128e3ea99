/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/archive/as_pulled.h"
#include "image/transfer/keep.h"

struct pushing {
        struct session *session;
        struct registry registry;
        const struct push_options *options;
        struct image_reference reference;
        struct exported exported;
        struct as_pulled pulled;
        struct registry origin; /* opened when a layer is needed from it */
        bool in_steps;          /* the registry does not accept a blob in one request */
};

/* Whether the registry has the blob, which is then not sent. Returns 1, 0 or -errno. */
static int has_blob(struct pushing *pushing, const char *digest, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r;

        transfer.method = "HEAD";
        transfer.path = string_format("blobs/%s", digest);
        if (!transfer.path) {
                return error_oom(error);
        }
        r = registry_run(&pushing->registry, &transfer, error);
        if (r < 0 && transfer.status == 404) {
                machine_error_clear(error);
                return 0;
        }
        return r < 0 ? r : 1;
}

/* Asks for the upload's address, which may be relative. */
static int begin_upload(struct pushing *pushing, char **ret, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r;

        transfer.method = "POST";
        transfer.upload_text = "";
        transfer.path = strdup("blobs/uploads/");
        transfer.body_max = 1U << 20;
        if (!transfer.path) {
                return error_oom(error);
        }
        r = registry_run(&pushing->registry, &transfer, error);
        if (r < 0) {
                return r;
        }
        *ret = transfer.location ? connection_resolve(transfer.url, transfer.location) : NULL;
        return *ret ? 0
                    : error_say(error, EPROTO,
                                "the registry did not return an address for the upload");
}

/* Sends a file, or an empty body (fd negative). The answer stays in the transfer. */
static int send_file(struct pushing *pushing, struct transfer *transfer, int fd, uint64_t size,
                     struct machine_error *error)
{
        int r;

        if (!transfer->path) {
                return error_oom(error);
        }
        transfer->upload_fd = fd;
        transfer->upload_length = size;
        transfer->upload_text = fd >= 0 ? NULL : "";
        transfer->body_max = 1U << 20;
        r = registry_run(&pushing->registry, transfer, error);
        transfer->upload_fd = -EBADF;
        return r;
}

/* Whether the status is one that registries use for an unsupported kind of request. */
static bool is_refusal(long status, const long *refusals, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (status == refusals[i]) {
                        return true;
                }
        }
        return false;
}

static char *with_digest(const char *place, const char *digest)
{
        return string_format("%s%sdigest=%s", place, strchr(place, '?') ? "&" : "?", digest);
}

/* Uploads in one request. Returns 0, 1 if the registry does not support that, or -errno. */
static int send_whole(struct pushing *pushing, const char *place, const struct descriptor *blob,
                      int fd, struct machine_error *error)
{
        static const long refusals[] = { 400, 404, 405, 411, 413, 415, 416, 501 };
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r;

        transfer.method = "PUT";
        transfer.upload_type = "application/octet-stream";
        transfer.path = with_digest(place, blob->digest);
        r = send_file(pushing, &transfer, fd, blob->size, error);
        if (r < 0 && is_refusal(transfer.status, refusals, ELEMENTS_OF(refusals))) {
                machine_error_clear(error);
                return 1;
        }
        return r;
}

/* Uploads as Docker does: first the content, then the digest to the returned address. */
static int send_in_steps(struct pushing *pushing, const char *place, const struct descriptor *blob,
                         int fd, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer content = TRANSFER_INIT, end = TRANSFER_INIT;
        _cleanup_free_ char *next = NULL;
        int r;

        content.method = "PATCH";
        content.upload_type = "application/octet-stream";
        content.path = strdup(place);
        r = send_file(pushing, &content, fd, blob->size, error);
        if (r < 0) {
                return r;
        }
        next = content.location ? connection_resolve(content.url, content.location) : strdup(place);
        if (!next) {
                return error_say(error, EPROTO,
                                 "the registry did not return an address to continue the upload");
        }
        end.method = "PUT";
        end.path = with_digest(next, blob->digest);
        return send_file(pushing, &end, -EBADF, 0, error);
}

static int send_blob(struct pushing *pushing, const struct descriptor *blob, int fd,
                     struct machine_error *error)
{
        _cleanup_free_ char *place = NULL, *again = NULL;
        int r = begin_upload(pushing, &place, error);

        if (r == 0 && !pushing->in_steps) {
                r = send_whole(pushing, place, blob, fd, error);
                if (r <= 0) {
                        return r;
                }
                /* The refused upload cannot be used any more. */
                pushing->in_steps = true;
                r = begin_upload(pushing, &again, error);
        }
        return r < 0 ? r : send_in_steps(pushing, again ? again : place, blob, fd, error);
}

/* Asks the registry to take the blob from the repository that it was pulled from, if it has that as
 * well. Returns 1, 0 if it does not do so, or -errno. */
static int mount_blob(struct pushing *pushing, const char *digest, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        const struct original *original = &pushing->pulled.original;
        int r;

        if (!original->domain || strcmp(original->domain, pushing->reference.domain) != 0) {
                return 0;
        }
        transfer.method = "POST";
        transfer.upload_text = "";
        transfer.body_max = 1U << 20;
        transfer.path =
                string_format("blobs/uploads/?mount=%s&from=%s", digest, original->repository);
        if (!transfer.path) {
                return error_oom(error);
        }
        r = registry_run(&pushing->registry, &transfer, error);
        if (r < 0 && transfer.status >= 400 && transfer.status < 500) {
                machine_error_clear(error);
                return 0;
        }
        /* A registry that does not do it begins an upload (202), which it forgets by itself. */
        return r < 0 ? r : transfer.status == 201;
}

static int open_origin(struct pushing *pushing, struct machine_error *error)
{
        const struct original *original = &pushing->pulled.original;
        const struct push_options *options = pushing->options;
        const struct image_reference reference = {
                .domain = original->domain,
                .repository = original->repository,
        };

        if (pushing->origin.multi) {
                return 0;
        }
        return registry_open(&pushing->origin, &reference, options->registries,
                             options->insecure &&
                                     strcmp(original->domain, pushing->reference.domain) == 0,
                             pushing->session->log, error);
}

/* Fetches a blob that is not kept from where the image was pulled. Returns a descriptor of a file
 * without a name, or -errno. */
static int fetch_blob(struct pushing *pushing, const struct descriptor *blob,
                      struct machine_error *error)
{
        _cleanup_close_ int fd = openat(pushing->session->store.images_fd, ".",
                                        O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        int r = fd < 0 ? error_set(error, errno, "cannot write to the image store")
                       : open_origin(pushing, error);

        r = r < 0 ? r : blob_fetch(pushing->session, &pushing->origin, blob, fd, error);
        return r < 0 ? r : TAKE_FD(fd);
}

static int open_blob(struct pushing *pushing, const struct descriptor *blob,
                     struct machine_error *error)
{
        int fd = pushing->exported.fd >= 0
                         ? export_open(&pushing->exported, blob->digest)
                         : as_pulled_open(pushing->session, &pushing->pulled, blob->digest);

        if (fd == -ENOENT && pushing->exported.fd < 0) {
                return fetch_blob(pushing, blob, error);
        }
        return fd < 0 ? error_set(error, fd, "cannot open the blob %s", blob->digest) : fd;
}

static int push_blob(struct pushing *pushing, const struct descriptor *blob,
                     struct machine_error *error)
{
        struct progress *progress = &pushing->session->progress;
        int item = progress_add(progress, blob->digest, blob->size);
        _cleanup_close_ int fd = -EBADF;
        int r = item < 0 ? error_oom(error) : has_blob(pushing, blob->digest, error);

        if (r == 0) {
                r = mount_blob(pushing, blob->digest, error);
        }
        if (r != 0) {
                if (r > 0) {
                        progress_state(progress, item, "present");
                }
                return r < 0 ? r : 0;
        }
        fd = open_blob(pushing, blob, error);
        if (fd < 0) {
                return fd;
        }
        progress_state(progress, item, "sending");
        r = send_blob(pushing, blob, fd, error);
        if (r == 0) {
                progress_state(progress, item, "done");
        }
        return r;
}

static int push_blobs(struct pushing *pushing, const struct manifest *manifest,
                      struct machine_error *error)
{
        int r = *manifest->config.digest ? push_blob(pushing, &manifest->config, error) : 0;

        for (size_t i = 0; r == 0 && i < manifest->layer_count; i++) {
                r = push_blob(pushing, &manifest->layers[i], error);
        }
        return r;
}

/* ---- Packed again ---- */

/* Returns 0, 1 if the registry does not know the media type, or -errno. */
static int send_manifest(struct pushing *pushing, const char *media_type,
                         struct machine_error *error)
{
        static const long refusals[] = { 400, 406, 415, 422 };
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        _cleanup_close_ int fd = export_open(&pushing->exported, pushing->exported.digest);
        int r;

        if (fd < 0) {
                return error_set(error, fd, "cannot open the manifest");
        }
        transfer.method = "PUT";
        transfer.upload_type = media_type;
        transfer.path = string_format("manifests/%s", pushing->reference.tag);
        r = send_file(pushing, &transfer, fd, pushing->exported.size, error);
        return r < 0 && is_refusal(transfer.status, refusals, ELEMENTS_OF(refusals)) ? 1 : r;
}

/* Registries from before 2017 only know Docker's media types. The blobs are the same. */
static int push_manifest(struct pushing *pushing, struct machine_error *error)
{
        _cleanup_error_ struct machine_error refused = MACHINE_ERROR_INIT;
        int r = send_manifest(pushing, MEDIA_TYPE_OCI_MANIFEST, &refused);

        if (r > 0) {
                log_notice(pushing->session->log,
                           "the registry refuses OCI media types: retrying with Docker's");
                r = export_for_docker(&pushing->exported, error);
                if (r == 0) {
                        r = send_manifest(pushing, MEDIA_TYPE_DOCKER_MANIFEST, error);
                }
                return r > 0 ? -EPROTO : r;
        }
        if (r < 0) {
                error_move(error, &refused);
        }
        return r;
}

static int push_packed(struct pushing *pushing, const char *id, digest_text ret_digest,
                       struct machine_error *error)
{
        int r = export_image(pushing->session, id, false, &pushing->exported, error);

        if (r == 0) {
                r = push_blobs(pushing, &pushing->exported.manifest, error);
        }
        if (r == 0) {
                r = push_manifest(pushing, error);
        }
        if (r == 0) {
                memcpy(ret_digest, pushing->exported.digest, sizeof(digest_text));
        }
        return r;
}

/* ---- As it was pulled ---- */

/* An entry of an index is sent by its digest, what the name is to point to by the tag. */
static int send_document(struct pushing *pushing, const struct as_pulled_document *document,
                         const char *name, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;

        transfer.method = "PUT";
        transfer.path = string_format("manifests/%s", name);
        transfer.upload_type = document->document.media_type;
        transfer.upload_text = document->document.text;
        transfer.body_max = 1U << 20;
        if (!transfer.path) {
                return error_oom(error);
        }
        return registry_run(&pushing->registry, &transfer, error);
}

static int push_documents(struct pushing *pushing, digest_text ret_digest,
                          struct machine_error *error)
{
        const struct as_pulled *pulled = &pushing->pulled;
        int r = 0;

        for (size_t i = 0; r == 0 && i < pulled->count; i++) {
                const struct as_pulled_document *document = &pulled->documents[i];
                bool top = i + 1 == pulled->count;

                r = push_blobs(pushing, &document->blobs, error);
                if (r == 0) {
                        r = send_document(pushing, document,
                                          top ? pushing->reference.tag : document->digest, error);
                }
                if (r == 0 && top) {
                        memcpy(ret_digest, document->digest, sizeof(digest_text));
                }
        }
        return r;
}

/* A layer that is not here can be where the image was pulled, or gone. Only in the second case is
 * the image packed again. */
static int push_pulled(struct pushing *pushing, const char *id, digest_text ret_digest,
                       struct machine_error *error)
{
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        int r = push_documents(pushing, ret_digest, &reason);

        if (r == 0 || !pushing->origin.multi || pushing->options->all_platforms) {
                error_move(error, &reason);
                return r;
        }
        log_warning(pushing->session->log,
                    "cannot fetch a layer again from %s/%s, so the layers are packed again, and "
                    "the digest changes: %s",
                    pushing->pulled.original.domain, pushing->pulled.original.repository,
                    reason.message ? reason.message : "");
        return push_packed(pushing, id, ret_digest, error);
}

static int run(struct pushing *pushing, const char *id, digest_text ret_digest,
               struct machine_error *error)
{
        int r = as_pulled_read(pushing->session, id, pushing->options->all_platforms,
                               &pushing->pulled, error);

        return r < 0                       ? r
               : pushing->pulled.documents ? push_pulled(pushing, id, ret_digest, error)
                                           : push_packed(pushing, id, ret_digest, error);
}

int push(struct session *session, const struct push_options *options, digest_text ret_digest,
         char **ret_reference, struct machine_error *error)
{
        struct pushing pushing = {
                .session = session,
                .options = options,
                .exported = EXPORTED_INIT,
        };
        _cleanup_free_ char *own = NULL;
        digest_text id;
        int r = store_find_image(&session->store, options->image, id, &own, error);

        if (r == 0 && !options->reference && !own) {
                r = error_say(error, EINVAL,
                              "to push an image by its id, a target reference is "
                              "required");
        }
        if (r == 0) {
                r = image_reference_parse(options->reference ? options->reference : own,
                                          &pushing.reference, error);
        }
        if (r == 0 && !pushing.reference.tag) {
                r = error_say(error, EINVAL, "cannot push to a digest: the target must be a tag");
        }
        if (r == 0) {
                pushing.registry.push = true;
                r = registry_open(&pushing.registry, &pushing.reference, options->registries,
                                  options->insecure, session->log, error);
        }
        if (r == 0) {
                r = run(&pushing, id, ret_digest, error);
        }
        if (r == 0) {
                *ret_reference = image_reference_format(&pushing.reference);
                r = *ret_reference ? 0 : error_oom(error);
        }
        export_clear(session, &pushing.exported);
        as_pulled_clear(&pushing.pulled);
        registry_close(&pushing.origin);
        registry_close(&pushing.registry);
        image_reference_clear(&pushing.reference);
        return r;
}

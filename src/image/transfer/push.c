/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/archive/export.h"

struct pushing {
        struct session *session;
        struct registry registry;
        struct image_reference reference;
        struct exported exported;
        bool in_steps; /* the registry does not accept a blob in one request */
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

/* Sends one of the image's files, or an empty body (digest NULL). The answer stays in the transfer.
 */
static int send_file(struct pushing *pushing, struct transfer *transfer, const char *digest,
                     uint64_t size, struct machine_error *error)
{
        _cleanup_close_ int fd = digest ? export_open(&pushing->exported, digest) : -EBADF;
        int r;

        if (digest && fd < 0) {
                return error_set(error, fd, "cannot open the file to send");
        }
        if (!transfer->path) {
                return error_oom(error);
        }
        transfer->upload_fd = fd;
        transfer->upload_length = size;
        transfer->upload_text = digest ? NULL : "";
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
                      struct machine_error *error)
{
        static const long refusals[] = { 400, 404, 405, 411, 413, 415, 416, 501 };
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r;

        transfer.method = "PUT";
        transfer.upload_type = "application/octet-stream";
        transfer.path = with_digest(place, blob->digest);
        r = send_file(pushing, &transfer, blob->digest, blob->size, error);
        if (r < 0 && is_refusal(transfer.status, refusals, ELEMENTS_OF(refusals))) {
                machine_error_clear(error);
                return 1;
        }
        return r;
}

/* Uploads as Docker does: first the content, then the digest to the returned address. */
static int send_in_steps(struct pushing *pushing, const char *place, const struct descriptor *blob,
                         struct machine_error *error)
{
        _cleanup_transfer_ struct transfer content = TRANSFER_INIT, end = TRANSFER_INIT;
        _cleanup_free_ char *next = NULL;
        int r;

        content.method = "PATCH";
        content.upload_type = "application/octet-stream";
        content.path = strdup(place);
        r = send_file(pushing, &content, blob->digest, blob->size, error);
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
        return send_file(pushing, &end, NULL, 0, error);
}

static int send_blob(struct pushing *pushing, const struct descriptor *blob,
                     struct machine_error *error)
{
        _cleanup_free_ char *place = NULL, *again = NULL;
        int r = begin_upload(pushing, &place, error);

        if (r == 0 && !pushing->in_steps) {
                r = send_whole(pushing, place, blob, error);
                if (r <= 0) {
                        return r;
                }
                /* The refused upload cannot be used any more. */
                pushing->in_steps = true;
                r = begin_upload(pushing, &again, error);
        }
        return r < 0 ? r : send_in_steps(pushing, again ? again : place, blob, error);
}

static int push_blob(struct pushing *pushing, const struct descriptor *blob,
                     struct machine_error *error)
{
        struct progress *progress = &pushing->session->progress;
        int item = progress_add(progress, blob->digest, blob->size);
        int r = item < 0 ? error_oom(error) : has_blob(pushing, blob->digest, error);

        if (r != 0) {
                if (r > 0) {
                        progress_state(progress, item, "present");
                }
                return r < 0 ? r : 0;
        }
        progress_state(progress, item, "sending");
        r = send_blob(pushing, blob, error);
        if (r == 0) {
                progress_state(progress, item, "done");
        }
        return r;
}

/* Returns 0, 1 if the registry does not know the media type, or -errno. */
static int send_manifest(struct pushing *pushing, const char *media_type,
                         struct machine_error *error)
{
        static const long refusals[] = { 400, 406, 415, 422 };
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r;

        transfer.method = "PUT";
        transfer.upload_type = media_type;
        transfer.path = string_format("manifests/%s", pushing->reference.tag);
        r = send_file(pushing, &transfer, pushing->exported.digest, pushing->exported.size, error);
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

static int run(struct pushing *pushing, struct machine_error *error)
{
        const struct manifest *manifest = &pushing->exported.manifest;
        int r = push_blob(pushing, &manifest->config, error);

        for (size_t i = 0; r == 0 && i < manifest->layer_count; i++) {
                r = push_blob(pushing, &manifest->layers[i], error);
        }
        return r < 0 ? r : push_manifest(pushing, error);
}

int push(struct session *session, const struct push_options *options, digest_text ret_digest,
         char **ret_reference, struct machine_error *error)
{
        struct pushing pushing = { .session = session, .exported = EXPORTED_INIT };
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
                r = export_image(session, id, false, &pushing.exported, error);
        }
        if (r == 0) {
                r = run(&pushing, error);
        }
        if (r == 0) {
                memcpy(ret_digest, pushing.exported.digest, sizeof(digest_text));
                *ret_reference = image_reference_format(&pushing.reference);
                r = *ret_reference ? 0 : error_oom(error);
        }
        export_clear(session, &pushing.exported);
        registry_close(&pushing.registry);
        image_reference_clear(&pushing.reference);
        return r;
}

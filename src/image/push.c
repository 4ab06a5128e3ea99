/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/export.h"

struct pushing {
        struct session *session;
        struct registry registry;
        struct image_reference reference;
        struct exported exported;
};

/* Whether the registry has the blob: what it has is not sent. 1, 0 or -errno. */
static int has_blob(struct pushing *pushing, const char *digest, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r;

        transfer.method = "HEAD";
        transfer.path = string_format("/v2/%s/blobs/%s", pushing->reference.repository, digest);
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

/* Asks where to; the answer may be relative. */
static int begin_upload(struct pushing *pushing, char **ret, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r;

        transfer.method = "POST";
        transfer.upload_text = "";
        transfer.path = string_format("/v2/%s/blobs/uploads/", pushing->reference.repository);
        transfer.body_max = 1U << 20;
        if (!transfer.path) {
                return error_oom(error);
        }
        r = registry_run(&pushing->registry, &transfer, error);
        if (r < 0) {
                return r;
        }
        *ret = transfer.location ? connection_resolve(transfer.url, transfer.location) : NULL;
        return *ret ? 0 : error_say(error, EPROTO, "the registry does not say where to send to");
}

static int send_file(struct pushing *pushing, const char *method, const char *path,
                     const char *digest, uint64_t size, const char *type,
                     struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        _cleanup_close_ int fd = export_open(&pushing->exported, digest);

        if (fd < 0) {
                return error_set(error, fd, "cannot open what is to be sent");
        }
        transfer.method = method;
        transfer.path = strdup(path);
        transfer.upload_fd = fd;
        transfer.upload_length = size;
        transfer.upload_type = type;
        transfer.body_max = 1U << 20;
        return transfer.path ? registry_run(&pushing->registry, &transfer, error)
                             : error_oom(error);
}

static int push_blob(struct pushing *pushing, const struct descriptor *blob,
                     struct machine_error *error)
{
        struct progress *progress = &pushing->session->progress;
        _cleanup_free_ char *place = NULL, *path = NULL;
        int item = progress_add(progress, blob->digest, blob->size);
        int r = item < 0 ? error_oom(error) : has_blob(pushing, blob->digest, error);

        if (r != 0) {
                if (r > 0) {
                        progress_state(progress, item, "present");
                }
                return r < 0 ? r : 0;
        }
        progress_state(progress, item, "sending");
        r = begin_upload(pushing, &place, error);
        if (r < 0) {
                return r;
        }
        path = string_format("%s%sdigest=%s", place, strchr(place, '?') ? "&" : "?", blob->digest);
        if (!path) {
                return error_oom(error);
        }
        r = send_file(pushing, "PUT", path, blob->digest, blob->size, "application/octet-stream",
                      error);
        if (r == 0) {
                progress_state(progress, item, "done");
        }
        return r;
}

static int run(struct pushing *pushing, struct machine_error *error)
{
        const struct manifest *manifest = &pushing->exported.manifest;
        _cleanup_free_ char *path = string_format(
                "/v2/%s/manifests/%s", pushing->reference.repository, pushing->reference.tag);
        int r = path ? push_blob(pushing, &manifest->config, error) : error_oom(error);

        for (size_t i = 0; r == 0 && i < manifest->layer_count; i++) {
                r = push_blob(pushing, &manifest->layers[i], error);
        }
        return r < 0 ? r
                     : send_file(pushing, "PUT", path, pushing->exported.digest,
                                 pushing->exported.size, MEDIA_TYPE_OCI_MANIFEST, error);
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
                              "an image that is given by its id needs a place to be "
                              "sent to");
        }
        if (r == 0) {
                r = image_reference_parse(options->reference ? options->reference : own,
                                          &pushing.reference, error);
        }
        if (r == 0 && !pushing.reference.tag) {
                r = error_say(error, EINVAL, "an image is sent to a tag, not to a digest");
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

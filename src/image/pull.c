/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/pull.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/hash.h"

#define INDEX_DEPTH_MAX 4

#define ACCEPT                                                                            \
        MEDIA_TYPE_OCI_MANIFEST ", " MEDIA_TYPE_OCI_INDEX ", " MEDIA_TYPE_DOCKER_MANIFEST \
                                ", " MEDIA_TYPE_DOCKER_LIST

struct pulling {
        struct session *session;
        struct registry registry;
        struct image_reference reference;
        char *manifest_text;
        size_t manifest_length;
        digest_text manifest_digest;
        struct manifest manifest;
        char *config_text;
        struct config config;
};

/* Fetches a document and verifies that it is what the digest (or NULL) and the server say. */
static int fetch_document(struct pulling *pulling, const char *kind, const char *name,
                          const struct descriptor *expected, struct transfer *transfer,
                          struct machine_error *error)
{
        digest_text found;
        const char *wanted = digest_is_valid(name) ? name : NULL;
        int r;

        transfer->path = string_format("/v2/%s/%s/%s", pulling->reference.repository, kind, name);
        transfer->body_max = DOCUMENT_SIZE_MAX;
        if (!transfer->path) {
                return error_oom(error);
        }
        r = registry_run(&pulling->registry, transfer, error);
        if (r < 0) {
                return r;
        }
        if (expected && transfer->body_length != expected->size) {
                return error_say(error, EBADMSG, "%s is %zu bytes long, %llu are expected", name,
                                 transfer->body_length, (unsigned long long)expected->size);
        }
        r = hash_memory(transfer->body ? transfer->body : "", transfer->body_length, found);
        if (r < 0) {
                return error_set(error, r, "cannot compute SHA-256");
        }
        if (!wanted && digest_is_valid(transfer->digest)) {
                wanted = transfer->digest;
        }
        if (wanted && strcmp(wanted, found) != 0) {
                return hash_mismatch(error, kind, wanted, found);
        }
        memcpy(pulling->manifest_digest, found, sizeof found);
        return 0;
}

/* One manifest or index. 1 with *next where it was an index, 0 with the manifest read. */
static int fetch_manifest(struct pulling *pulling, const char *name, struct descriptor *expected,
                          struct descriptor *next, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        _cleanup_json_ json_t *document = NULL;
        enum document_type type;
        int r;

        transfer.accept = ACCEPT;
        r = fetch_document(pulling, "manifests", name, expected, &transfer, error);
        if (r == 0) {
                r = document_parse(transfer.body ? transfer.body : "", transfer.body_length,
                                   "the manifest", &document, error);
        }
        if (r == 0) {
                r = document_type(document, transfer.content_type, &type, error);
        }
        if (r < 0) {
                return r;
        }
        if (type == DOCUMENT_INDEX) {
                r = index_choose(document, &pulling->session->platform, next, error);
                return r < 0 ? r : 1;
        }
        pulling->manifest_text = TAKE_PTR(transfer.body);
        pulling->manifest_length = transfer.body_length;
        return manifest_read(document, &pulling->manifest, error);
}

static int resolve_manifest(struct pulling *pulling, struct machine_error *error)
{
        _cleanup_descriptor_ struct descriptor descriptor = { .media_type = NULL };
        const char *name =
                pulling->reference.digest ? pulling->reference.digest : pulling->reference.tag;
        struct descriptor *expected = NULL;

        for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
                struct descriptor next = { .media_type = NULL };
                int r = fetch_manifest(pulling, name, expected, &next, error);

                if (r <= 0) {
                        return r;
                }
                descriptor_clear(&descriptor);
                descriptor = next;
                expected = &descriptor;
                name = descriptor.digest;
        }
        return error_say(error, ELOOP, "the image's indexes are nested too deeply");
}

static int fetch_config(struct pulling *pulling, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        digest_text manifest_digest;
        int r;

        memcpy(manifest_digest, pulling->manifest_digest, sizeof manifest_digest);
        r = fetch_document(pulling, "blobs", pulling->manifest.config.digest,
                           &pulling->manifest.config, &transfer, error);
        memcpy(pulling->manifest_digest, manifest_digest, sizeof manifest_digest);
        if (r == 0) {
                r = config_read(transfer.body ? transfer.body : "", transfer.body_length,
                                &pulling->config, error);
        }
        if (r < 0) {
                return r;
        }
        pulling->config_text = TAKE_PTR(transfer.body);
        if (pulling->config.diff_id_count != pulling->manifest.layer_count) {
                return error_say(error, EBADMSG, "the image has %zu layers and %zu diff ids",
                                 pulling->manifest.layer_count, pulling->config.diff_id_count);
        }
        return session_check_platform(pulling->session, &pulling->config, error);
}

/* Whether the store has the image and all of its layers: then nothing more is fetched. */
static bool is_present(struct pulling *pulling)
{
        _cleanup_json_ json_t *record = NULL;
        const json_t *layer;
        size_t i;

        if (store_read_image(&pulling->session->store, pulling->manifest.config.digest, &record,
                             NULL) < 0) {
                return false;
        }
        json_array_foreach(json_object_get(record, "layers"), i, layer)
        {
                const char *diff_id = json_get_string(layer, "diff_id");

                if (!digest_is_valid(diff_id) ||
                    !store_has_layer(&pulling->session->store, diff_id)) {
                        return false;
                }
        }
        return true;
}

static int record_image(struct pulling *pulling, char *const *references, digest_text ret_id,
                        struct machine_error *error)
{
        const struct new_image image = {
                .config = pulling->config_text,
                .config_length = (size_t)pulling->manifest.config.size,
                .manifest = pulling->manifest_text,
                .manifest_length = pulling->manifest_length,
                .manifest_digest = pulling->manifest_digest,
                .parsed = &pulling->config,
                .layers = &pulling->manifest,
                .references = references,
        };

        return store_add_image(&pulling->session->store, &image, ret_id, error);
}

static int run(struct pulling *pulling, char *const *references, digest_text ret_id,
               struct machine_error *error)
{
        int r = resolve_manifest(pulling, error);

        if (r < 0) {
                return r;
        }
        if (is_present(pulling)) {
                progress_note(&pulling->session->progress, "%s is here already", references[0]);
                memcpy(ret_id, pulling->manifest.config.digest, sizeof(digest_text));
                return store_set_references(&pulling->session->store, references, ret_id, error);
        }
        r = session_start_workers(pulling->session, error);
        if (r == 0) {
                r = fetch_config(pulling, error);
        }
        if (r == 0) {
                r = blobs_fetch(pulling->session, &pulling->registry, &pulling->manifest,
                                &pulling->config, error);
        }
        return r < 0 ? r : record_image(pulling, references, ret_id, error);
}

int pull(struct session *session, const struct pull_options *options, pull_report report,
         void *data, struct machine_error *error)
{
        struct pulling pulling = { .session = session,
                                   .manifest = MANIFEST_INIT,
                                   .config = CONFIG_INIT };
        _cleanup_strv_ char **references = NULL;
        digest_text id;
        int r = image_reference_parse(options->reference, &pulling.reference, error);

        if (r == 0) {
                r = strv_take(&references, image_reference_format(&pulling.reference));
                r = r < 0 ? error_oom(error) : 0;
        }
        if (r == 0) {
                r = registry_open(&pulling.registry, &pulling.reference, options->registries,
                                  options->insecure, session->log, error);
        }
        if (r == 0) {
                r = run(&pulling, references, id, error);
        }
        if (r == 0) {
                report(id, references, data);
        } else if (references) {
                error_prefix(error, "cannot pull %s", references[0]);
        }
        registry_close(&pulling.registry);
        image_reference_clear(&pulling.reference);
        free(pulling.manifest_text);
        manifest_clear(&pulling.manifest);
        free(pulling.config_text);
        config_clear(&pulling.config);
        return r;
}

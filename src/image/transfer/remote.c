/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/transfer/remote.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/common/hash.h"

#define INDEX_DEPTH_MAX 4

#define ACCEPT                                                                            \
        MEDIA_TYPE_OCI_MANIFEST ", " MEDIA_TYPE_OCI_INDEX ", " MEDIA_TYPE_DOCKER_MANIFEST \
                                ", " MEDIA_TYPE_DOCKER_LIST

/* Fetches a document and verifies it against the digest (unless NULL) and the server's. */
static int fetch_document(struct remote *remote, const char *kind, const char *name,
                          const struct descriptor *expected, struct transfer *transfer,
                          struct machine_error *error)
{
        digest_text found;
        const char *wanted = digest_is_valid(name) ? name : NULL;
        int r;

        transfer->path = string_format("%s/%s", kind, name);
        transfer->body_max = DOCUMENT_SIZE_MAX;
        if (!transfer->path) {
                return error_oom(error);
        }
        r = registry_run(&remote->registry, transfer, error);
        if (r == 0 && transfer_is_encoded(transfer) && !string_after(transfer->body, "{")) {
                /* Some caches compress without being asked. */
                transfer->finished = false;
                transfer->decode = true;
                r = registry_run(&remote->registry, transfer, error);
        }
        if (r < 0) {
                return r;
        }
        if (expected && transfer->body_length != expected->size) {
                return error_say(error, EBADMSG, "%s is %zu bytes long, expected %llu", name,
                                 transfer->body_length, (unsigned long long)expected->size);
        }
        if (!wanted && digest_is_valid(transfer->digest)) {
                wanted = transfer->digest;
        }
        r = hash_memory(transfer->body ? transfer->body : "", transfer->body_length,
                        digest_algorithm_of(wanted), found);
        if (r < 0) {
                return error_set(error, r, "cannot compute a digest");
        }
        if (wanted && strcmp(wanted, found) != 0) {
                return hash_mismatch(error, kind, wanted, found);
        }
        memcpy(remote->digest, found, sizeof found);
        return 0;
}

/* Without the parameters that may follow it. */
static char *content_type_of(const struct transfer *transfer)
{
        const char *type = transfer->content_type ? transfer->content_type : "";

        return strndup(type, strcspn(type, "; "));
}

static int fetch_parsed(struct remote *remote, const char *name, const struct descriptor *expected,
                        struct transfer *transfer, json_t **ret, enum document_type *ret_type,
                        struct machine_error *error)
{
        int r;

        transfer->accept = ACCEPT;
        r = fetch_document(remote, "manifests", name, expected, transfer, error);
        if (r == 0) {
                r = document_parse(transfer->body ? transfer->body : "", transfer->body_length,
                                   "the manifest", ret, error);
        }
        return r < 0 ? r : document_type(*ret, transfer->content_type, ret_type, error);
}

int remote_fetch_manifest(struct remote *remote, const struct descriptor *entry,
                          struct transfer *transfer, json_t **ret, enum document_type *ret_type,
                          struct machine_error *error)
{
        return fetch_parsed(remote, entry->digest, entry, transfer, ret, ret_type, error);
}

/* Reads one manifest or index. Returns 1 with *next set for an index, 0 for a manifest, or -errno.
 */
static int fetch_manifest(struct remote *remote, const char *name, struct descriptor *expected,
                          struct descriptor *next, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        _cleanup_json_ json_t *document = NULL;
        enum document_type type;
        int r = fetch_parsed(remote, name, expected, &transfer, &document, &type, error);

        if (r < 0) {
                return r;
        }
        if (!remote->top_text) {
                remote->top_text = strdup(transfer.body);
                remote->top_length = transfer.body_length;
                digest_copy(remote->digest, remote->top_digest);
                remote->top_type = content_type_of(&transfer);
                if (!remote->top_text || !remote->top_type) {
                        return error_oom(error);
                }
        }
        if (type == DOCUMENT_INDEX) {
                r = index_choose(document, remote->platform, next, error);
                return r < 0 ? r : 1;
        }
        digest_copy(remote->digest, remote->manifest_digest);
        remote->manifest_text = TAKE_PTR(transfer.body);
        remote->manifest_type = content_type_of(&transfer);
        if (!remote->manifest_type) {
                return error_oom(error);
        }
        remote->manifest_length = transfer.body_length;
        return manifest_read(document, &remote->manifest, error);
}

int remote_resolve(struct remote *remote, struct machine_error *error)
{
        _cleanup_descriptor_ struct descriptor descriptor = { .media_type = NULL };
        const char *name =
                remote->reference.digest ? remote->reference.digest : remote->reference.tag;
        struct descriptor *expected = NULL;

        for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
                struct descriptor next = { .media_type = NULL };
                int r = fetch_manifest(remote, name, expected, &next, error);

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

int remote_fetch_config(struct remote *remote, struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r = fetch_document(remote, "blobs", remote->manifest.config.digest,
                               &remote->manifest.config, &transfer, error);

        if (r == 0) {
                r = config_read(transfer.body ? transfer.body : "", transfer.body_length,
                                &remote->config, error);
        }
        if (r < 0) {
                return r;
        }
        remote->config_text = TAKE_PTR(transfer.body);
        if (remote->config.diff_id_count != remote->manifest.layer_count) {
                return error_say(error, EBADMSG, "the image has %zu layers and %zu diff ids",
                                 remote->manifest.layer_count, remote->config.diff_id_count);
        }
        return 0;
}

int remote_open(struct remote *remote, const struct remote_options *options, const struct log *log,
                struct machine_error *error)
{
        int r = image_reference_parse(options->reference, &remote->reference, error);

        return r < 0 ? r
                     : registry_open(&remote->registry, &remote->reference, options->registries,
                                     options->insecure, log, error);
}

void remote_close(struct remote *remote)
{
        registry_close(&remote->registry);
        image_reference_clear(&remote->reference);
        free(remote->top_text);
        free(remote->top_type);
        free(remote->manifest_type);
        free(remote->manifest_text);
        manifest_clear(&remote->manifest);
        free(remote->config_text);
        config_clear(&remote->config);
}

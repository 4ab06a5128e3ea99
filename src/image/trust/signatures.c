/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/signatures.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/common/hash.h"
#include "image/document/document.h"
#include "image/trust/registries.h"

#define SIGNATURE_SIZE_MAX (4U << 20)
#define PAYLOAD_SIZE_MAX   (1U << 20)

#define SIGSTORE_MEDIA_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGSTORE_ANNOTATION "dev.cosignproject.cosign/signature"

void signatures_clear(struct signatures *signatures)
{
        for (size_t i = 0; i < signatures->count; i++) {
                free(signatures->items[i].data);
                free(signatures->items[i].base64);
        }
        free(signatures->items);
        *signatures = (struct signatures){ 0 };
}

/* Takes the data and the signature, even on failure. */
static int add(struct signatures *signatures, char *data, size_t length, char *base64)
{
        struct signature *grown =
                realloc(signatures->items, (signatures->count + 1) * sizeof *signatures->items);

        if (!grown) {
                free(data);
                free(base64);
                return -ENOMEM;
        }
        signatures->items = grown;
        grown[signatures->count++] = (struct signature){ data, length, base64 };
        return 0;
}

static int digest_manifest(const struct trust_subject *subject, digest_text ret,
                           struct machine_error *error)
{
        int r = hash_memory(subject->manifest, subject->manifest_length, DIGEST_SHA256, ret);

        return r < 0 ? error_set(error, r, "cannot compute the digest of the manifest") : 0;
}

/* ---- The lookaside store ---- */

/* Decodes the path of a URL. The host of "file:" must be empty. */
static char *path_of(const char *url)
{
        const char *path = string_after(url, "file://");
        char *decoded = path && *path == '/' ? curl_easy_unescape(NULL, path, 0, NULL) : NULL;
        char *copy = decoded ? strdup(decoded) : NULL;

        curl_free(decoded);
        return copy;
}

/* Returns 1, 0 if there is no such signature, or -errno. */
static int read_file(const char *url, char **ret, size_t *ret_length, struct machine_error *error)
{
        _cleanup_free_ char *path = path_of(url);
        int r = path ? file_read(AT_FDCWD, path, SIGNATURE_SIZE_MAX, ret, ret_length) : -EINVAL;

        if (r == -ENOENT || r == -ENOTDIR) {
                return 0;
        }
        return r < 0 ? error_set(error, r, "cannot read the signature %s", path ? path : url) : 1;
}

static int fetch(struct registry *registry, const char *url, char **ret, size_t *ret_length,
                 struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        int r;

        transfer.path = strdup(url);
        transfer.body_max = SIGNATURE_SIZE_MAX;
        if (!transfer.path) {
                return error_oom(error);
        }
        r = registry_run(registry, &transfer, error);
        if (r < 0 && transfer.status == 404) {
                machine_error_clear(error);
                return 0;
        }
        if (r < 0) {
                error_prefix(error, "cannot fetch a signature");
                return r;
        }
        *ret_length = transfer.body_length;
        *ret = transfer.body ? TAKE_PTR(transfer.body) : strdup("");
        return *ret ? 1 : error_oom(error);
}

static int read_url(struct registry *registry, const char *url, char **ret, size_t *ret_length,
                    struct machine_error *error)
{
        if (string_after(url, "file://")) {
                return read_file(url, ret, ret_length, error);
        }
        if (string_after(url, "https://") || string_after(url, "http://")) {
                return fetch(registry, url, ret, ret_length, error);
        }
        return error_say(error, ENOTSUP,
                         "the store of signatures %s is not a file, http or https URL", url);
}

/* Bit 7 is set in the first octet of an OpenPGP packet (RFC 4880, section 4.2). Other formats begin
 * with a NUL and their name (c/image, internal/signature). Sigstore's may be here as well; those
 * that count are in the registry. Returns 1, 0 for one to be passed over, or -ENOTSUP. */
static int is_simple(const char *url, const char *data, size_t length, struct machine_error *error)
{
        static const char sigstore[] = "\0sigstore-json\n";

        if (length >= sizeof sigstore - 1 && memcmp(data, sigstore, sizeof sigstore - 1) == 0) {
                return 0;
        }
        return length > 0 && (data[0] & 0x80)
                       ? 1
                       : error_say(error, ENOTSUP,
                                   "the signature %s has a format that is not supported", url);
}

int signatures_read_simple(struct signatures *signatures, const struct trust_subject *subject,
                           struct machine_error *error)
{
        _cleanup_registries_entry_ struct registries_entry entry = { NULL };
        digest_text digest;
        int r;

        /* Archives carry no such signatures. */
        if (signatures->simple || !subject->reference) {
                return 0;
        }
        r = registries_find(subject, &entry, error);
        if (r == 0) {
                r = digest_manifest(subject, digest, error);
        }
        for (int number = 1; r >= 0 && number <= SIGNATURES_MAX; number++) {
                _cleanup_free_ char *url = string_format(
                        "%s/%s@sha256=%s/signature-%d", entry.lookaside,
                        subject->reference->repository, digest_digits(digest), number);
                _cleanup_free_ char *data = NULL;
                size_t length;

                r = url ? read_url(subject->registry, url, &data, &length, error)
                        : error_oom(error);
                if (r <= 0) {
                        break;
                }
                r = is_simple(url, data, length, error);
                if (r > 0 && add(signatures, TAKE_PTR(data), length, NULL) < 0) {
                        r = error_oom(error);
                }
        }
        signatures->simple = r >= 0;
        return r < 0 ? r : 0;
}

/* ---- The registry ---- */

/* Fetches a document of the repository. Returns 1, 0 if there is none, or -errno. */
static int fetch_document(struct registry *registry, char *path, const char *accept, size_t maximum,
                          struct transfer *transfer, struct machine_error *error)
{
        int r;

        transfer->path = path;
        transfer->accept = accept;
        transfer->body_max = maximum;
        if (!path) {
                return error_oom(error);
        }
        r = registry_run(registry, transfer, error);
        if (r < 0 && transfer->status == 404) {
                machine_error_clear(error);
                return 0;
        }
        return r < 0 ? r : 1;
}

static int add_attachment(struct signatures *signatures, struct registry *registry,
                          const json_t *layer, struct machine_error *error)
{
        const char *base64 =
                json_get_string(json_object_get(layer, "annotations"), SIGSTORE_ANNOTATION);
        _cleanup_descriptor_ struct descriptor descriptor = { .media_type = NULL };
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        _cleanup_free_ char *copy = NULL;
        digest_text found;
        int r = descriptor_read(layer, "a signature", &descriptor, error);

        if (r < 0 || strcmp(descriptor.media_type, SIGSTORE_MEDIA_TYPE) != 0 || !base64) {
                return r;
        }
        r = fetch_document(registry, string_format("blobs/%s", descriptor.digest), NULL,
                           PAYLOAD_SIZE_MAX, &transfer, error);
        if (r <= 0) {
                return r < 0 ? r : error_say(error, EBADMSG, "a signature's payload is missing");
        }
        r = hash_memory(transfer.body ? transfer.body : "", transfer.body_length,
                        digest_algorithm_of(descriptor.digest), found);
        if (r == 0 && strcmp(found, descriptor.digest) != 0) {
                return hash_mismatch(error, "a signature", descriptor.digest, found);
        }
        copy = strdup(base64);
        if (r < 0 || !copy || !transfer.body) {
                return error_oom(error);
        }
        return add(signatures, TAKE_PTR(transfer.body), transfer.body_length, TAKE_PTR(copy)) < 0
                       ? error_oom(error)
                       : 0;
}

static int read_attachments(struct signatures *signatures, const struct trust_subject *subject,
                            struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        _cleanup_json_ json_t *document = NULL;
        const json_t *layer;
        digest_text digest;
        size_t i;
        int r = digest_manifest(subject, digest, error);

        if (r == 0) {
                r = fetch_document(subject->registry,
                                   string_format("manifests/sha256-%s.sig", digest_digits(digest)),
                                   MEDIA_TYPE_OCI_MANIFEST, DOCUMENT_SIZE_MAX, &transfer, error);
        }
        if (r <= 0) {
                return r;
        }
        r = document_parse(transfer.body ? transfer.body : "", transfer.body_length,
                           "the manifest of the signatures", &document, error);
        json_array_foreach(json_object_get(document, "layers"), i, layer)
        {
                if (r == 0 && i < SIGNATURES_MAX) {
                        r = add_attachment(signatures, subject->registry, layer, error);
                }
        }
        return r;
}

int signatures_read_attachments(struct signatures *signatures, const struct trust_subject *subject,
                                struct machine_error *error)
{
        _cleanup_registries_entry_ struct registries_entry entry = { NULL };
        int r;

        if (signatures->attachments || !subject->reference) {
                return 0;
        }
        r = registries_find(subject, &entry, error);
        if (r == 0 && entry.attachments) {
                r = read_attachments(signatures, subject, error);
        }
        if (r < 0) {
                error_prefix(error, "cannot read the image's signatures");
        }
        signatures->attachments = r == 0;
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/transfer/keep.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/common/hash.h"
#include "image/store/session.h"
#include "image/trust/trust.h"

struct copying {
        struct session *session;
        const struct descriptor *descriptor;
        int fd;
        int item; /* index in the progress */
        uint64_t have;
        struct hash hash;
};

static int restart(struct transfer *transfer)
{
        struct copying *copying = transfer->data;

        if (ftruncate(copying->fd, 0) < 0 || lseek(copying->fd, 0, SEEK_SET) < 0) {
                return -errno;
        }
        copying->have = 0;
        transfer->range_from = 0;
        return hash_start(&copying->hash, digest_algorithm_of(copying->descriptor->digest));
}

static int write_piece(struct transfer *transfer, const void *data, size_t length)
{
        struct copying *copying = transfer->data;
        int r;

        if (length > copying->descriptor->size - copying->have) {
                return error_say(&transfer->error, EBADMSG,
                                 "the blob %s is longer than the expected %llu bytes",
                                 copying->descriptor->digest,
                                 (unsigned long long)copying->descriptor->size);
        }
        r = file_write_all(copying->fd, data, length);
        if (r < 0) {
                error_set(&transfer->error, r, "cannot store the blob %s",
                          copying->descriptor->digest);
                error_hint(&transfer->error, "make room on the file system of the image store; "
                                             "\"machinectl-lite prune\" removes unused data");
                return r;
        }
        copying->have += length;
        transfer->range_from = copying->have;
        progress_bytes(&copying->session->progress, copying->item, copying->have);
        return hash_add(&copying->hash, data, length);
}

/* One attempt. Returns 0, or 1 if the server encoded what it was asked for as it is. */
static int copy(struct copying *copying, struct registry *registry, bool decode,
                struct machine_error *error)
{
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        digest_text found = "";
        int r;

        transfer.path = string_format("blobs/%s", copying->descriptor->digest);
        transfer.total = copying->descriptor->size;
        transfer.write = write_piece;
        transfer.restart = restart;
        transfer.data = copying;
        transfer.decode = decode;
        if (!transfer.path || restart(&transfer) < 0) {
                return error_set(error, transfer.path ? EIO : ENOMEM, "cannot start a download");
        }
        r = registry_run(registry, &transfer, error);
        if (r == 0 && hash_end(&copying->hash, found) < 0) {
                return error_set(error, EIO, "cannot compute a digest");
        }
        if ((r == 0 || r == -EBADMSG) && strcmp(found, copying->descriptor->digest) != 0 &&
            !decode && transfer_is_encoded(&transfer)) {
                machine_error_clear(error);
                return 1;
        }
        return r < 0 || strcmp(found, copying->descriptor->digest) == 0
                       ? r
                       : hash_mismatch(error, "a blob", copying->descriptor->digest, found);
}

int blob_fetch(struct session *session, struct registry *registry,
               const struct descriptor *descriptor, int fd, struct machine_error *error)
{
        struct copying copying = {
                .session = session,
                .descriptor = descriptor,
                .fd = fd,
                .item = progress_add(&session->progress, descriptor->digest, descriptor->size),
                .hash = HASH_INIT,
        };
        int r = copying.item < 0 ? error_oom(error) : 0;

        if (r == 0) {
                progress_state(&session->progress, copying.item, "fetching");
                r = copy(&copying, registry, false, error);
        }
        if (r > 0) {
                r = copy(&copying, registry, true, error);
        }
        if (r == 0) {
                progress_state(&session->progress, copying.item, "done");
        }
        hash_clear(&copying.hash);
        return r;
}

static int keep_blob(struct session *session, struct registry *registry,
                     const struct descriptor *descriptor, struct machine_error *error)
{
        struct new_kept kept = NEW_KEPT_INIT;
        int r;

        if (kept_has(&session->store, descriptor->digest)) {
                return 0;
        }
        r = kept_begin(&session->store, &kept, error);
        r = r < 0 ? r : blob_fetch(session, registry, descriptor, kept.fd, error);
        if (r == 0) {
                return kept_end(&session->store, &kept, descriptor->digest, error);
        }
        kept_abort(&session->store, &kept);
        return r;
}

int keep_blobs(struct session *session, struct registry *registry, const struct manifest *manifest,
               struct machine_error *error)
{
        int r = keep_blob(session, registry, &manifest->config, error);

        for (size_t i = 0; r == 0 && i < manifest->layer_count; i++) {
                r = keep_blob(session, registry, &manifest->layers[i], error);
        }
        return r;
}

/* ---- Every platform ---- */

static int keep_text(struct session *session, const struct descriptor *entry, const char *text,
                     size_t length, struct machine_error *error)
{
        struct new_kept kept = NEW_KEPT_INIT;
        int r;

        if (kept_has(&session->store, entry->digest)) {
                return 0;
        }
        r = kept_begin(&session->store, &kept, error);
        if (r < 0) {
                return r;
        }
        r = file_write_all(kept.fd, text, length);
        if (r < 0) {
                kept_abort(&session->store, &kept);
                return error_set(error, r, "cannot keep the manifest %s", entry->digest);
        }
        return kept_end(&session->store, &kept, entry->digest, error);
}

static int keep_manifest(struct session *session, struct remote *remote,
                         const struct descriptor *entry, struct machine_error *error)
{
        _cleanup_manifest_ struct manifest manifest = MANIFEST_INIT;
        _cleanup_transfer_ struct transfer transfer = TRANSFER_INIT;
        _cleanup_json_ json_t *document = NULL;
        enum document_type type;
        int r = remote_fetch_manifest(remote, entry, &transfer, &document, &type, error);
        const struct trust_subject subject = {
                .transport = "docker",
                .reference = &remote->reference,
                .registry = &remote->registry,
                .manifest = transfer.body,
                .manifest_length = transfer.body_length,
        };

        if (r == 0 && type == DOCUMENT_INDEX) {
                r = error_say(error, ENOTSUP,
                              "an entry of the index is an index itself, which cannot be copied");
        }
        r = r < 0 ? r : trust_check(&subject, error);
        r = r < 0 ? r : manifest_read_blobs(document, &manifest, error);
        r = r < 0 ? r : keep_blobs(session, &remote->registry, &manifest, error);
        return r < 0 ? r : keep_text(session, entry, transfer.body, transfer.body_length, error);
}

int keep_platforms(struct session *session, struct remote *remote, struct machine_error *error)
{
        _cleanup_json_ json_t *document = NULL;
        const json_t *entries, *entry;
        size_t i;
        int r = document_parse(remote->top_text, remote->top_length, "the index", &document, error);

        if (r < 0) {
                return r;
        }
        entries = json_object_get(document, "manifests");
        json_array_foreach(entries, i, entry)
        {
                _cleanup_descriptor_ struct descriptor descriptor = { .media_type = NULL };

                r = descriptor_read(entry, "an entry of the index", &descriptor, error);
                r = r < 0 ? r : keep_manifest(session, remote, &descriptor, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

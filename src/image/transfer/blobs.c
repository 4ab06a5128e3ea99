/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "image/common/hash.h"
#include "image/common/priority.h"
#include "image/store/original.h"
#include "image/transfer/pull.h"

#define RETRY_LOCK (100 * USEC_PER_MSEC)

/* libcurl delivers 16 KiB at a time; larger pieces need fewer system calls and messages to the
 * unpacker. */
#define PENDING_SIZE (512U << 10)

/* The states of a layer. It is unpacked while it is fetched. */
enum blob_state {
        BLOB_WAITING, /* for a free slot, or for another process that fetches the same blob */
        BLOB_FETCHING,
        BLOB_VERIFIED, /* complete, with the right digest */
        BLOB_UNPACKED, /* and ready to be published */
        BLOB_DONE,     /* in the store */
};

struct blob {
        struct fetching *fetching;
        const struct descriptor *descriptor;
        const char *diff_id;
        enum blob_state state;
        int item;         /* index in the progress */
        int fd;           /* the blob's file, locked */
        uint64_t have;    /* bytes received, including the pending ones */
        uint8_t *pending; /* not written to the file yet */
        size_t pending_length;
        size_t place; /* the source: 0 is the registry, then the URLs of the descriptor */
        bool resumed; /* an earlier process fetched a part */
        bool decode;  /* the server encodes without being asked */
        struct hash hash;
        struct transfer transfer;
        struct unpacking unpacking;
        bool unpacking_runs;
        int unpack_result; /* of a worker that ended before the blob was verified */
        struct machine_error unpack_error;
};

struct fetching {
        struct session *session;
        struct registry *registry;
        struct blob *blobs;
        size_t count;
        bool keep;                   /* the blobs, once they are unpacked */
        struct transfer **transfers; /* scratch: the running transfers */
        struct curl_waitfd *waiting; /* scratch: the workers' pipes */
};

static struct store *store_of(const struct blob *blob)
{
        return &blob->fetching->session->store;
}

static void show(struct blob *blob, const char *state)
{
        progress_state(&blob->fetching->session->progress, blob->item, state);
}

/* ---- The blob's file ---- */

static int restart(struct transfer *transfer)
{
        struct blob *blob = transfer->data;

        /* What a worker has read so far may differ. */
        if (blob->unpacking_runs) {
                unpacking_abort(blob->fetching->session, &blob->unpacking);
                blob->unpacking_runs = false;
        }
        blob->unpack_result = 0;
        machine_error_clear(&blob->unpack_error);
        if (ftruncate(blob->fd, 0) < 0) {
                return -errno;
        }
        blob->have = blob->pending_length = 0;
        transfer->range_from = 0;
        return hash_start(&blob->hash, digest_algorithm_of(blob->descriptor->digest));
}

/* Writes the pending bytes to the file and announces them to the unpacker. */
static int flush(struct blob *blob, struct machine_error *error)
{
        off_t offset = (off_t)(blob->have - blob->pending_length);
        int r = blob->pending_length == 0 ? 0
                : lseek(blob->fd, offset, SEEK_SET) < 0
                        ? -errno
                        : file_write_all(blob->fd, blob->pending, blob->pending_length);

        if (r < 0) {
                error_set(error, r, "cannot store the layer %s", blob->descriptor->digest);
                error_hint(error, "make room on the file system of the image store; "
                                  "\"machinectl-lite prune\" removes unused data");
                return r;
        }
        r = hash_add(&blob->hash, blob->pending, blob->pending_length);
        blob->pending_length = 0;
        if (blob->unpacking_runs) {
                unpacking_tell(&blob->unpacking, blob->have);
        }
        return r;
}

static int write_piece(struct transfer *transfer, const void *data, size_t length)
{
        struct blob *blob = transfer->data;
        int r = 0;

        if (length > blob->descriptor->size - blob->have) {
                return error_say(&transfer->error, EBADMSG,
                                 "the layer %s is longer than the expected %llu bytes",
                                 blob->descriptor->digest,
                                 (unsigned long long)blob->descriptor->size);
        }
        if (length > PENDING_SIZE - blob->pending_length) {
                r = flush(blob, &transfer->error);
        }
        if (r < 0) {
                return r;
        }
        memcpy(blob->pending + blob->pending_length, data, length);
        blob->pending_length += length;
        blob->have += length;
        /* The next attempt continues from here. */
        transfer->range_from = blob->have;
        progress_bytes(&blob->fetching->session->progress, blob->item, blob->have);
        return 0;
}

/* Opens and locks the blob's file: one process on this host fetches a digest at a time. Returns 1,
 * or 0 if another process has it. */
static int lock_blob(struct blob *blob)
{
        digest_text name;

        digest_file_name(blob->descriptor->digest, name);
        for (;;) {
                _cleanup_close_ int fd = openat(store_of(blob)->blobs_fd, name,
                                                O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
                struct stat status, named;

                if (fd < 0) {
                        return -errno;
                }
                if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                        return errno == EWOULDBLOCK ? 0 : -errno;
                }
                if (fstat(fd, &status) < 0) {
                        return -errno;
                }
                /* The previous holder removed it, or keeps it under another name. */
                if (fstatat(store_of(blob)->blobs_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
                    named.st_ino != status.st_ino || named.st_dev != status.st_dev) {
                        continue;
                }
                blob->have = (uint64_t)status.st_size;
                blob->fd = TAKE_FD(fd);
                return 1;
        }
}

static void drop_blob_file(struct blob *blob)
{
        digest_text name;

        if (blob->fd >= 0) {
                digest_file_name(blob->descriptor->digest, name);
                (void)unlinkat(store_of(blob)->blobs_fd, name, 0);
                blob->fd = fd_close(blob->fd);
        }
}

/* Hashes the part that an earlier process left. */
static int take_over(struct blob *blob, struct machine_error *error)
{
        int r = hash_start(&blob->hash, digest_algorithm_of(blob->descriptor->digest));

        if (r == 0 && blob->have > blob->descriptor->size) {
                blob->have = 0;
                r = ftruncate(blob->fd, 0) < 0 ? -errno : 0;
        }
        if (r == 0 && blob->have > 0) {
                blob->resumed = true;
                r = hash_add_file(&blob->hash, blob->fd, 0, (off_t)blob->have);
        }
        return r < 0 ? error_set(error, r, "cannot read the fetched part of the layer %s",
                                 blob->descriptor->digest)
                     : 0;
}

/* ---- Steps ---- */

static int begin_transfer(struct blob *blob, struct machine_error *error)
{
        blob->transfer = (struct transfer)TRANSFER_INIT;
        blob->transfer.path = blob->place > 0 ? strdup(blob->descriptor->urls[blob->place - 1])
                                              : string_format("blobs/%s", blob->descriptor->digest);
        if (!blob->transfer.path) {
                return error_oom(error);
        }
        if (!blob->pending) {
                blob->pending = malloc(PENDING_SIZE);
        }
        if (!blob->pending) {
                return error_oom(error);
        }
        blob->transfer.range_from = blob->have;
        blob->transfer.total = blob->descriptor->size;
        blob->transfer.write = write_piece;
        blob->transfer.restart = restart;
        blob->transfer.data = blob;
        blob->transfer.decode = blob->decode;
        blob->state = BLOB_FETCHING;
        show(blob, "fetching");
        (void)transfer_start(&blob->transfer, blob->fetching->registry);
        return 0;
}

/* Whether a layer that the registry lacks may be at another location. The registry's authorization
 * is not sent there. */
static bool has_other_place(const struct blob *blob)
{
        return blob->transfer.result == -ENOENT && blob->descriptor->urls &&
               blob->descriptor->urls[blob->place];
}

static int try_other_place(struct blob *blob, struct machine_error *error)
{
        transfer_clear(&blob->transfer);
        blob->place++;
        return begin_transfer(blob, error);
}

static int blob_failed(struct blob *blob, int r, struct machine_error *from,
                       struct machine_error *error)
{
        error_move(error, from);
        if (r == -EBADMSG) {
                drop_blob_file(blob);
        }
        return r;
}

/* The content arrived in an unrequested encoding: fetch it once more and decode it. The header
 * alone proves nothing: many servers send it for any gzip file. */
static bool was_encoded(struct blob *blob)
{
        return !blob->decode && transfer_is_encoded(&blob->transfer);
}

static int fetch_decoded(struct blob *blob, struct machine_error *error)
{
        int r;

        transfer_clear(&blob->transfer);
        blob->transfer.data = blob;
        blob->decode = true;
        r = restart(&blob->transfer);
        return r < 0 ? error_set(error, r, "cannot restart the download")
                     : begin_transfer(blob, error);
}

/* All bytes have arrived: verify them. */
static int check_blob(struct blob *blob, struct machine_error *error)
{
        digest_text found;
        int r = hash_end(&blob->hash, found);

        free(blob->pending);
        blob->pending = NULL;
        if (r < 0) {
                return error_set(error, r, "cannot compute a digest");
        }
        if (strcmp(found, blob->descriptor->digest) != 0) {
                if (was_encoded(blob)) {
                        return fetch_decoded(blob, error);
                }
                if (blob->resumed) {
                        /* The earlier process' part may be damaged: fetch everything once more. */
                        blob->resumed = false;
                        transfer_clear(&blob->transfer);
                        blob->transfer.data = blob;
                        r = restart(&blob->transfer);
                        return r < 0 ? error_set(error, r, "cannot restart the download")
                                     : begin_transfer(blob, error);
                }
                drop_blob_file(blob);
                return hash_mismatch(error, "a layer", blob->descriptor->digest, found);
        }
        blob->state = BLOB_VERIFIED;
        if (blob->unpack_result < 0) {
                return blob_failed(blob, blob->unpack_result, &blob->unpack_error, error);
        }
        show(blob, "unpacking");
        return 0;
}

static bool same_layer_before(const struct blob *blob)
{
        for (const struct blob *other = blob->fetching->blobs; other < blob; other++) {
                if (strcmp(other->diff_id, blob->diff_id) == 0) {
                        return true;
                }
        }
        return false;
}

/* A waiting blob: it is present by now, or it is its turn. */
static int begin_blob(struct blob *blob, struct machine_error *error)
{
        int r;

        if (same_layer_before(blob) || store_has_layer(store_of(blob), blob->diff_id)) {
                blob->state = BLOB_DONE;
                show(blob, "present");
                return 0;
        }
        r = lock_blob(blob);
        if (r < 0) {
                return error_set(error, r, "cannot lock the layer %s", blob->descriptor->digest);
        }
        if (r == 0) {
                return 0;
        }
        if (store_has_layer(store_of(blob), blob->diff_id)) {
                drop_blob_file(blob);
                blob->state = BLOB_DONE;
                show(blob, "present");
                return 0;
        }
        r = take_over(blob, error);
        if (r < 0) {
                return r;
        }
        if (blob->have == blob->descriptor->size) {
                return check_blob(blob, error);
        }
        return begin_transfer(blob, error);
}

static int begin_unpacking(struct blob *blob, struct machine_error *error)
{
        int r = unpacking_start(blob->fetching->session, blob->fd, 0, blob->descriptor->size,
                                blob->state == BLOB_FETCHING, blob->diff_id, &blob->unpacking,
                                error);

        if (r == 0) {
                blob->unpacking_runs = true;
                unpacking_tell(&blob->unpacking, blob->have - blob->pending_length);
        }
        return r;
}

/* The worker has ended, before or after the blob was verified. */
static int end_unpacking(struct blob *blob, struct machine_error *error)
{
        int r = unpacking_end(blob->fetching->session, &blob->unpacking, blob->diff_id,
                              &blob->unpack_error);

        blob->unpacking_runs = false;
        if (r == 0) {
                blob->state = BLOB_UNPACKED;
                show(blob, "done");
                return 0;
        }
        /* Damaged data are reported by their digest, which is known at the end. */
        if (blob->state == BLOB_FETCHING) {
                blob->unpack_result = r;
                return 0;
        }
        return blob_failed(blob, r, &blob->unpack_error, error);
}

static size_t count_unpacking(const struct fetching *fetching)
{
        size_t count = 0;

        for (size_t i = 0; i < fetching->count; i++) {
                count += fetching->blobs[i].unpacking_runs;
        }
        return count;
}

static size_t count_state(const struct fetching *fetching, enum blob_state state)
{
        size_t count = 0;

        for (size_t i = 0; i < fetching->count; i++) {
                count += fetching->blobs[i].state == state;
        }
        return count;
}

/* The worker can end only when it has all bytes. Its success does not count until the digest is
 * verified. */
static bool worker_has_ended(const struct blob *blob)
{
        struct pollfd poll_fd = { .fd = blob->unpacking.result, .events = POLLIN };

        return blob->unpacking_runs && poll(&poll_fd, 1, 0) > 0;
}

static int step_blob(struct blob *blob, struct machine_error *error)
{
        int r = 0;

        if (blob->state == BLOB_WAITING &&
            count_state(blob->fetching, BLOB_FETCHING) < BLOBS_FETCHED_AT_ONCE) {
                r = begin_blob(blob, error);
        }
        if (r == 0 && blob->state == BLOB_FETCHING && blob->pending_length > 0) {
                r = flush(blob, error);
        }
        if (r == 0 && blob->state == BLOB_FETCHING && blob->transfer.finished) {
                if (has_other_place(blob)) {
                        return try_other_place(blob, error);
                }
                if (was_encoded(blob) &&
                    (blob->transfer.result == -EBADMSG ||
                     (blob->transfer.result == 0 && blob->have < blob->descriptor->size))) {
                        return fetch_decoded(blob, error);
                }
                if (blob->transfer.result < 0) {
                        return blob_failed(blob, blob->transfer.result, &blob->transfer.error,
                                           error);
                }
                if (blob->have < blob->descriptor->size) {
                        drop_blob_file(blob);
                        return error_say(error, EBADMSG,
                                         "the layer %s ends after %llu of %llu bytes",
                                         blob->descriptor->digest, (unsigned long long)blob->have,
                                         (unsigned long long)blob->descriptor->size);
                }
                r = check_blob(blob, error);
        }
        if (r == 0 && (blob->state == BLOB_FETCHING || blob->state == BLOB_VERIFIED) &&
            !blob->unpacking_runs && blob->unpack_result == 0 && blob->fd >= 0 &&
            count_unpacking(blob->fetching) < SESSION_UNPACKERS) {
                r = begin_unpacking(blob, error);
        }
        if (r == 0 && worker_has_ended(blob)) {
                r = end_unpacking(blob, error);
        }
        return r;
}

/* ---- All of them ---- */

/* The blob of an unpacked layer is not needed any more, unless it is to be kept. The name and the
 * lock remain until the layer is published: other processes that wait for them never find neither
 * blob nor layer. Before the sync, because deleted data need not be written to disk. */
static int release(struct blob *blob, struct machine_error *error)
{
        if (blob->fetching->keep) {
                return kept_adopt(store_of(blob), blob->fd, blob->descriptor->digest, error);
        }
        (void)!ftruncate(blob->fd, 0);
        return 0;
}

/* Publishes unpacked layers and releases the locks of their blobs. */
static int publish(struct fetching *fetching, struct machine_error *error)
{
        struct new_layer **layers = calloc(fetching->count + 1, sizeof *layers);
        size_t count = 0;
        int r = layers ? 0 : error_oom(error);

        for (size_t i = 0; r == 0 && i < fetching->count; i++) {
                struct blob *blob = &fetching->blobs[i];

                if (blob->state == BLOB_UNPACKED) {
                        r = release(blob, error);
                        layers[count++] = &blob->unpacking.layer;
                }
        }
        if (r == 0) {
                r = store_publish_layers(&fetching->session->store, layers, count, error);
        }
        free(layers);
        for (size_t i = 0; i < fetching->count; i++) {
                struct blob *blob = &fetching->blobs[i];

                if (r == 0 && blob->state == BLOB_UNPACKED) {
                        drop_blob_file(blob);
                        blob->state = BLOB_DONE;
                }
        }
        return r;
}

static int wait_for_more(struct fetching *fetching, struct machine_error *error)
{
        unsigned int pipes = 0;
        size_t transfers = 0;
        bool locked = false;

        for (size_t i = 0; i < fetching->count; i++) {
                struct blob *blob = &fetching->blobs[i];

                locked = locked || blob->state == BLOB_WAITING;
                if (blob->state == BLOB_FETCHING && !blob->transfer.finished) {
                        fetching->transfers[transfers++] = &blob->transfer;
                }
                if (blob->unpacking_runs) {
                        fetching->waiting[pipes++] =
                                (struct curl_waitfd){ .fd = blob->unpacking.result,
                                                      .events = CURL_WAIT_POLLIN };
                }
        }
        return registry_drive(fetching->registry, fetching->transfers, transfers, fetching->waiting,
                              pipes, locked ? (unsigned int)RETRY_LOCK : (unsigned int)USEC_PER_SEC,
                              error);
}

static int run(struct fetching *fetching, struct machine_error *error)
{
        for (;;) {
                size_t done;

                for (size_t i = 0; i < fetching->count; i++) {
                        int r = step_blob(&fetching->blobs[i], error);

                        if (r < 0) {
                                return r;
                        }
                }
                done = count_state(fetching, BLOB_DONE);
                if (done + count_state(fetching, BLOB_UNPACKED) == fetching->count) {
                        return 0;
                }
                /* The rest waits for other processes, which may wait for this one: publish what is
                 * complete, which releases its locks. */
                if (count_state(fetching, BLOB_UNPACKED) > 0 &&
                    count_state(fetching, BLOB_FETCHING) + count_state(fetching, BLOB_VERIFIED) ==
                            0) {
                        int r = publish(fetching, error);

                        if (r < 0) {
                                return r;
                        }
                }
                {
                        int r = wait_for_more(fetching, error);

                        if (r < 0) {
                                return r;
                        }
                }
        }
}

static int set_up(struct fetching *fetching, const struct manifest *manifest,
                  const struct config *config, struct machine_error *error)
{
        size_t count = manifest->layer_count;

        fetching->blobs = calloc(count, sizeof *fetching->blobs);
        fetching->transfers = calloc(count, sizeof(struct transfer *));
        fetching->waiting = calloc(count, sizeof *fetching->waiting);
        if (!fetching->blobs || !fetching->transfers || !fetching->waiting) {
                return error_oom(error);
        }
        for (size_t i = 0; i < count; i++) {
                struct blob *blob = &fetching->blobs[i];

                *blob = (struct blob){
                        .fetching = fetching,
                        .descriptor = &manifest->layers[i],
                        .diff_id = config->diff_ids[i],
                        .fd = -EBADF,
                        .transfer = TRANSFER_INIT,
                        .unpacking = UNPACKING_INIT,
                        .unpack_error = MACHINE_ERROR_INIT,
                };
                fetching->count++;
                blob->item = progress_add(&fetching->session->progress, blob->descriptor->digest,
                                          blob->descriptor->size);
                if (blob->item < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

/* Keeps fetched parts for the next attempt, unless the disk is full. */
static void keep_or_drop(struct fetching *fetching, int failure)
{
        if (failure != -ENOSPC && failure != -EDQUOT) {
                /* The rest of the image is kept for the next attempt. */
                (void)publish(fetching, NULL);
                return;
        }
        for (size_t i = 0; i < fetching->count; i++) {
                drop_blob_file(&fetching->blobs[i]);
        }
}

static void tear_down(struct fetching *fetching)
{
        for (size_t i = 0; i < fetching->count; i++) {
                struct blob *blob = &fetching->blobs[i];

                transfer_clear(&blob->transfer);
                if (blob->unpacking_runs || blob->state == BLOB_UNPACKED) {
                        unpacking_abort(fetching->session, &blob->unpacking);
                }
                hash_clear(&blob->hash);
                machine_error_clear(&blob->unpack_error);
                free(blob->pending);
                fd_close(blob->fd);
        }
        free(fetching->blobs);
        free(fetching->transfers);
        free(fetching->waiting);
}

int blobs_fetch(struct session *session, struct registry *registry, const struct manifest *manifest,
                const struct config *config, bool keep, struct machine_error *error)
{
        struct fetching fetching = { .session = session, .registry = registry, .keep = keep };
        int r = session_start_workers(session, error);

        /* Does not include the workers, which have been started. */
        priority_give_way();
        if (r == 0) {
                r = set_up(&fetching, manifest, config, error);
        }
        if (r == 0) {
                r = run(&fetching, error);
        }
        if (r == 0) {
                r = publish(&fetching, error);
        } else {
                keep_or_drop(&fetching, r);
        }
        tear_down(&fetching);
        return r;
}

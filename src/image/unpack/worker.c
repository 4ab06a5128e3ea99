/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack/worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "image/common/hash.h"
#include "image/common/priority.h"
#include "image/unpack/members.h"

struct work {
        const struct worker_job *job;
        const int *fds;
        struct stream stream;
        struct decompress_source source;
        struct machine_error decompress_error;
        int decompress_status;
        int hash_status;
        digest_text digest;
        uint64_t output;
};

static void *run_decompress(void *data)
{
        struct work *work = data;

        work->decompress_status = decompress(&work->source, &work->stream, &work->decompress_error);
        return NULL;
}

static int hash_stream(struct work *work)
{
        _cleanup_hash_ struct hash hash = HASH_INIT;
        int r = hash_start(&hash, (enum digest_algorithm)work->job->algorithm);

        while (r == 0) {
                const uint8_t *block;
                size_t length;

                r = stream_read(&work->stream, 1, &block, &length);
                if (r < 0 || length == 0) {
                        break;
                }
                r = hash_add(&hash, block, length);
                work->output += length;
                stream_release(&work->stream, 1);
        }
        return r == 0 ? hash_end(&hash, work->digest) : r;
}

static void *run_hash(void *data)
{
        struct work *work = data;

        work->hash_status = hash_stream(work);
        if (work->hash_status < 0) {
                stream_abandon(&work->stream);
        }
        return NULL;
}

static FILE *open_list(int fd)
{
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        FILE *file = own < 0 ? NULL : fdopen(own, "r+");

        if (!file) {
                fd_close(own);
        }
        return file;
}

static int unpack_tree(struct work *work, struct worker_result *result, struct machine_error *error)
{
        const struct unpack_options options = { .literal = work->job->literal,
                                                .one_owner = work->job->one_owner };
        _cleanup_fclose_ FILE *entries = open_list(work->fds[WORKER_OUTPUT]);
        _cleanup_fclose_ FILE *implied = open_list(work->fds[WORKER_IMPLIED]);
        _cleanup_close_ int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (!entries || !implied || root_fd < 0) {
                return error_set(error, errno, "cannot start to unpack");
        }
        return unpack(&work->stream, &options, root_fd, entries, implied, &result->unpacked, error);
}

static int spool(struct work *work, struct machine_error *error)
{
        for (;;) {
                const uint8_t *block;
                size_t length;
                int r = stream_read(&work->stream, 0, &block, &length);

                if (r < 0 || length == 0) {
                        return r;
                }
                r = file_write_all(work->fds[WORKER_OUTPUT], block, length);
                if (r < 0) {
                        return error_set(error, r, "cannot keep a copy of the archive");
                }
                stream_release(&work->stream, 0);
        }
}

static int consume(struct work *work, struct worker_result *result, struct machine_error *error)
{
        int r = work->job->kind == WORKER_UNPACK ? unpack_tree(work, result, error)
                                                 : spool(work, error);

        if (r < 0) {
                stream_abandon(&work->stream);
        }
        return r;
}

/* Decompression and hashing run on their own threads, unpacking on this one. */
static int run_pipeline(struct work *work, struct worker_result *result,
                        struct machine_error *error)
{
        pthread_t decompressing, hashing;
        int r = stream_init(&work->stream);

        if (r < 0) {
                return error_oom(error);
        }
        r = pthread_create(&decompressing, NULL, run_decompress, work);
        if (r == 0) {
                priority_give_way();
                r = pthread_create(&hashing, NULL, run_hash, work);
                if (r != 0) {
                        stream_abandon(&work->stream);
                        pthread_join(decompressing, NULL);
                }
        }
        if (r != 0) {
                stream_clear(&work->stream);
                return error_set(error, r, "cannot start a thread");
        }
        r = consume(work, result, error);
        pthread_join(decompressing, NULL);
        pthread_join(hashing, NULL);
        stream_clear(&work->stream);
        /* The first error is reported: a reader only sees that the data ends early. */
        if (work->decompress_status < 0 && work->decompress_status != -ECANCELED) {
                error_move(error, &work->decompress_error);
                return work->decompress_status;
        }
        if (r == 0 && work->hash_status < 0) {
                r = error_set(error, work->hash_status, "cannot hash the layer");
        }
        return r < 0 ? r : work->decompress_status;
}

static int run_job(struct work *work, struct worker_result *result, struct machine_error *error)
{
        int r;

        if (work->job->kind == WORKER_INDEX) {
                return members_list(work->fds[WORKER_INPUT], work->fds[WORKER_OUTPUT], error);
        }
        r = run_pipeline(work, result, error);
        result->input = work->source.consumed;
        result->output = work->output;
        memcpy(result->digest, work->digest, sizeof result->digest);
        return r;
}

int worker_prepare(const struct worker_job *job, const int fds[static WORKER_FDS],
                   struct decompress_source *ret, struct machine_error *error)
{
        *ret = (struct decompress_source){
                .fd = fds[WORKER_INPUT],
                .control = job->growing ? fds[WORKER_CONTROL] : -EBADF,
                .sequential = job->sequential,
                .offset = (off_t)job->offset,
                .remaining = job->length,
        };
        return job->kind == WORKER_INDEX ? 0 : decompress_prepare(ret, error);
}

void worker_run(const struct worker_job *job, const int fds[static WORKER_FDS],
                const struct decompress_source *source)
{
        struct machine_error error = MACHINE_ERROR_INIT;
        struct worker_result result = { 0 };
        struct work work = {
                .job = job,
                .fds = fds,
                .source = *source,
                .decompress_error = MACHINE_ERROR_INIT,
        };

        work.source.fd = fds[WORKER_INPUT];
        work.source.control = job->growing ? fds[WORKER_CONTROL] : -EBADF;
        result.status = run_job(&work, &result, &error);
        if (result.status < 0) {
                (void)snprintf(result.message, sizeof result.message, "%s",
                               error.message ? error.message : "");
                (void)snprintf(result.hint, sizeof result.hint, "%s", error.hint ? error.hint : "");
        }
        (void)file_write_all(fds[WORKER_RESULT], &result, sizeof result);
        machine_error_clear(&error);
        machine_error_clear(&work.decompress_error);
}

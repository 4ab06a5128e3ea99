/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_WORKER_H
#define IMAGE_UNPACK_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

#include "image/digest.h"
#include "image/unpack/decompress.h"
#include "image/unpack/unpack.h"

/* Processing of archives of unknown origin in short-lived processes. A server, which is a separate
 * executable, forks a worker for each job. The worker confines itself; it has none of the data of
 * this program, such as passwords. */

enum worker_kind {
        WORKER_UNPACK, /* a layer into a tree */
        WORKER_SPOOL,  /* decompress into a file */
        WORKER_INDEX,  /* list the members of a plain tar */
};

/** The descriptors of a job. */
enum worker_fd {
        WORKER_INPUT,
        WORKER_RESULT,  /* the write end of a pipe */
        WORKER_OUTPUT,  /* the entries of a layer, the decompressed file, or the list of members */
        WORKER_IMPLIED, /* with UNPACK */
        WORKER_CONTROL, /* with a growing input */
        WORKER_FDS,
};

struct worker_job {
        uint32_t kind;
        uint32_t algorithm; /* enum digest_algorithm: of the decompressed data */
        uint32_t id;        /* returned when the worker has ended */
        bool sequential;    /* the input is a pipe */
        bool literal;       /* with UNPACK: the archive is no layer, see unpack.h */
        bool growing;       /* there is a control descriptor */
        bool one_owner;     /* with UNPACK: all files belong to root */
        uint64_t offset;    /* the range of the input file */
        uint64_t length;
        char directory[128]; /* below layers/: where to make the tree */
};

/** The result of a worker, in one write. */
struct worker_result {
        int32_t status;     /* 0 or a negative errno */
        digest_text digest; /* of the decompressed data */
        uint64_t input;     /* bytes read */
        uint64_t output;    /* bytes decompressed */
        struct unpack_result unpacked;
        char message[1024];
        char hint[512];
};

/** Prepares what must be done before the process is confined. *ret is the source of the job's
 * input. Returns 0 or -errno with error set. */
int worker_prepare(const struct worker_job *job, const int fds[static WORKER_FDS],
                   struct decompress_source *ret, struct machine_error *error);

/** Runs a job in the calling process, which is already confined, and writes the result. The
 * descriptors may have other numbers than before. */
void worker_run(const struct worker_job *job, const int fds[static WORKER_FDS],
                const struct decompress_source *source);

struct workers {
        int socket;
        pid_t pid;
        bool ready; /* the server has reported to be ready */
};

#define WORKERS_INIT             \
        {                        \
                -EBADF, 0, false \
        }

/** Starts the server without waiting for it: the first workers_submit() reports errors. layers_path
 * is absolute and exists. Returns 0 or -errno. */
int workers_start(struct workers *workers, const char *layers_path, struct machine_error *error);

/** Ends the server and all workers. */
void workers_stop(struct workers *workers);

/** Submits a job. Unused fds are -EBADF; the caller keeps them all. Returns 0 or -errno. */
int workers_submit(struct workers *workers, const struct worker_job *job,
                   const int fds[static WORKER_FDS], struct machine_error *error);

/**
 * Waits for a result on the read end of the pipe. The digest and the texts are guaranteed to be
 * strings. Returns -EIO if the worker died before.
 */
int worker_read_result(int fd, struct worker_result *ret, struct machine_error *error);

/** Sets error from a failed result. Returns its status. */
int worker_failed(const struct worker_result *result, struct machine_error *error);

#endif

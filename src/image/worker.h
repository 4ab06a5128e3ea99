/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_WORKER_H
#define IMAGE_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

#include "image/digest.h"
#include "image/unpack.h"

/* Work on archives of unknown origin, in processes that are thrown away afterwards. A server, which
 * is another executable, forks a worker for each job, which confines itself: of what this program
 * knows, passwords among it, they have nothing. */

enum worker_kind {
        WORKER_UNPACK, /* a layer into a tree */
        WORKER_SPOOL,  /* decompress into a file */
        WORKER_INDEX,  /* list the members of a plain tar */
};

/** The descriptors that go with a job. */
enum worker_fd {
        WORKER_INPUT,
        WORKER_RESULT,  /* a pipe's writing end */
        WORKER_OUTPUT,  /* the entries of a layer, the spooled file, the list of members */
        WORKER_IMPLIED, /* with UNPACK */
        WORKER_CONTROL, /* with a growing input */
        WORKER_FDS,
};

struct worker_job {
        uint32_t kind;
        uint32_t id;     /* given back when the worker has ended */
        bool sequential; /* the input is a pipe */
        bool growing;    /* there is a control descriptor */
        uint64_t offset; /* the range of the input's file */
        uint64_t length;
        char directory[128]; /* below layers/: whose tree to make */
};

/** What a worker says at its end, in one write. */
struct worker_result {
        int32_t status;     /* 0 or a negative errno */
        digest_text digest; /* of what was decompressed */
        uint64_t input;     /* bytes read */
        uint64_t output;    /* bytes decompressed */
        struct unpack_result unpacked;
        char message[1024];
        char hint[512];
};

/** Does a job in the calling process, which is confined already, and writes the result. */
void worker_run(const struct worker_job *job, const int fds[static WORKER_FDS]);

struct workers {
        int socket;
        pid_t pid;
        bool ready; /* the server has said so */
};

#define WORKERS_INIT             \
        {                        \
                -EBADF, 0, false \
        }

/** Starts the server and does not wait for it: what keeps it from working is told by the first
 * workers_submit(). layers_path is absolute and exists. 0 or -errno. */
int workers_start(struct workers *workers, const char *layers_path, struct machine_error *error);

/** Ends the server, and with it every worker. */
void workers_stop(struct workers *workers);

/** Hands a job over. fds that a job does not have are -EBADF; all stay the caller's. 0 or -errno.
 */
int workers_submit(struct workers *workers, const struct worker_job *job,
                   const int fds[static WORKER_FDS], struct machine_error *error);

/**
 * Reads a result from the pipe's reading end, waiting for it. -EIO where the worker died before.
 * The digest and the texts have been checked to be strings.
 */
int worker_read_result(int fd, struct worker_result *ret, struct machine_error *error);

/** The result's failure as an error. Returns its status. */
int worker_failed(const struct worker_result *result, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_STORE_SESSION_H
#define IMAGE_STORE_SESSION_H

#include "image/common/progress.h"
#include "image/document/platform.h"
#include "image/store/store.h"
#include "image/unpack/worker.h"

/* The context for adding images: the store, the workers, logging and progress. */

struct session {
        struct store store;
        struct workers workers;
        struct progress progress;
        struct platform platform;
        const struct log *log;
        bool one_owner; /* all files of layers belong to root */
        unsigned int next_job;
};

#define SESSION_INIT                                                                    \
        {                                                                               \
                .store = STORE_INIT, .workers = WORKERS_INIT, .platform = PLATFORM_INIT \
        }

/** The number of layers unpacked at the same time. */
#define SESSION_UNPACKERS 3

/** Opens the store for adding. platform may be NULL for that of this host. */
int session_open(struct session *session, const char *state_directory, const char *platform,
                 enum progress_mode mode, const struct log *log, struct machine_error *error);
void session_close(struct session *session);
#define _cleanup_session_ _cleanup_(session_close)

/** Starts the unpacking server without waiting for it. The first job does so as well; an early call
 * saves time. Returns 0 or -errno. */
int session_start_workers(struct session *session, struct machine_error *error);

/** A layer that a worker unpacks. */
struct unpacking {
        struct new_layer layer;
        int result;  /* the pipe's read end; readable when the worker has ended */
        int control; /* announces more bytes, or -EBADF */
};

#define UNPACKING_INIT                                                       \
        {                                                                    \
                .layer = NEW_LAYER_INIT, .result = -EBADF, .control = -EBADF \
        }

/** Starts to unpack `length` bytes of a file. growing: unpacking_tell() announces bytes as they are
 * written. diff_id (or NULL) is the value that unpacking_end() will get. */
int unpacking_start(struct session *session, int fd, uint64_t offset, uint64_t length, bool growing,
                    const char *diff_id, struct unpacking *ret, struct machine_error *error);

/** Announces that this many bytes of the file are present. Never waits. */
void unpacking_tell(struct unpacking *unpacking, uint64_t available);

/**
 * Waits for the worker and compares the diff id with the expected one (NULL: any). On success the
 * layer is complete and can be published; on failure it is discarded. Returns 0 or -errno.
 */
int unpacking_end(struct session *session, struct unpacking *unpacking, const char *diff_id,
                  struct machine_error *error);

/** Aborts: the worker sees the end of its input. */
void unpacking_abort(struct session *session, struct unpacking *unpacking);

/** Runs a worker that writes into output_fd and waits for it. */
int session_run(struct session *session, enum worker_kind kind, int input_fd, bool sequential,
                uint64_t length, int output_fd, struct worker_result *ret,
                struct machine_error *error);

/** Checks that the config is for the wanted platform. If it does not name one, it is accepted with
 * a warning. Returns 0, or -ENOTSUP with error set. */
int session_check_platform(struct session *session, struct config *config,
                           struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_SESSION_H
#define IMAGE_SESSION_H

#include "image/platform.h"
#include "image/progress.h"
#include "image/store.h"
#include "image/worker.h"

/* What adding images to the store takes: the store, the workers, whom to tell. */

struct session {
        struct store store;
        struct workers workers;
        struct progress progress;
        struct platform platform;
        const struct log *log;
        unsigned int next_job;
};

#define SESSION_INIT                                                                    \
        {                                                                               \
                .store = STORE_INIT, .workers = WORKERS_INIT, .platform = PLATFORM_INIT \
        }

/** How many layers are unpacked at once. */
#define SESSION_UNPACKERS 3

/** Opens the store for adding. platform may be NULL: this host's. */
int session_open(struct session *session, const char *state_directory, const char *platform,
                 enum progress_mode mode, const struct log *log, struct machine_error *error);
void session_close(struct session *session);
#define _cleanup_session_ _cleanup_(session_close)

/** Starts what unpacks and does not wait for it. The first job does so, too; who knows earlier that
 * there will be one saves the time. 0 or -errno. */
int session_start_workers(struct session *session, struct machine_error *error);

/** A layer that a worker unpacks. */
struct unpacking {
        struct new_layer layer;
        int result;  /* the pipe's reading end; readable when the worker has ended */
        int control; /* to tell of more bytes, or -EBADF */
};

#define UNPACKING_INIT                                                       \
        {                                                                    \
                .layer = NEW_LAYER_INIT, .result = -EBADF, .control = -EBADF \
        }

/** Starts to unpack `length` bytes of a file; growing: unpacking_tell() says how many are there. */
int unpacking_start(struct session *session, int fd, uint64_t offset, uint64_t length, bool growing,
                    struct unpacking *ret, struct machine_error *error);

/** So many bytes of the file are there by now. Never waits. */
void unpacking_tell(struct unpacking *unpacking, uint64_t available);

/**
 * Waits for the worker and compares the diff id with the one expected (NULL: whatever it is). On
 * success the layer is finished and can be published; on failure it is discarded. 0 or -errno.
 */
int unpacking_end(struct session *session, struct unpacking *unpacking, const char *diff_id,
                  struct machine_error *error);

/** Gives up: the worker sees its input end. */
void unpacking_abort(struct session *session, struct unpacking *unpacking);

/** Runs a worker that writes into output_fd, and waits for it. */
int session_run(struct session *session, enum worker_kind kind, int input_fd, bool sequential,
                uint64_t length, int output_fd, struct worker_result *ret,
                struct machine_error *error);

/** Whether the config is for the platform that is wanted. 0, or -ENOTSUP with error filled. */
int session_check_platform(struct session *session, const struct config *config,
                           struct machine_error *error);

#endif

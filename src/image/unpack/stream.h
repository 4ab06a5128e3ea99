/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_STREAM_H
#define IMAGE_UNPACK_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* One producer and two readers share a few blocks of memory: decompressed data is hashed and
 * unpacked at the same time, on other threads, without a copy. A block is reused once both readers
 * are past it, so memory is constant. */

#define STREAM_BLOCK_SIZE (256U << 10)
#define STREAM_BLOCKS     12
#define STREAM_READERS    2

struct stream {
        pthread_mutex_t mutex;
        pthread_cond_t filled; /* readers wait for it */
        pthread_cond_t
                emptied; /* the producer waits for it, so that readers do not wake each other */
        uint8_t *memory;
        size_t lengths[STREAM_BLOCKS];
        uint64_t produced;                 /* blocks published so far */
        uint64_t consumed[STREAM_READERS]; /* blocks released so far */
        bool ended;
        bool abandoned;
        int failure; /* the producer's error */
};

/** Returns 0 or -ENOMEM. */
int stream_init(struct stream *stream);
void stream_clear(struct stream *stream);

/** Waits for a free block of STREAM_BLOCK_SIZE bytes. Returns 0, or -ECANCELED if a reader gave up.
 */
int stream_free_block(struct stream *stream, uint8_t **ret);
/** Publishes the block with this many bytes in it. */
void stream_publish(struct stream *stream, size_t length);
/** Ends the stream; failure is 0 or the -errno that readers get. */
void stream_end(struct stream *stream, int failure);

/** Waits for the reader's next block. *ret_length is 0 at the end. Returns 0 or the producer's
 * failure. */
int stream_read(struct stream *stream, unsigned int reader, const uint8_t **ret,
                size_t *ret_length);
/** Releases the block from stream_read(). */
void stream_release(struct stream *stream, unsigned int reader);

/** Gives up as a reader: the producer and the other reader fail with -ECANCELED. */
void stream_abandon(struct stream *stream);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_STREAM_H
#define IMAGE_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* One producer and two readers over a few blocks of memory: what is decompressed is hashed and
 * unpacked at the same time, on other threads, without a copy. A block is used again when both
 * readers are past it, so memory stays the same whatever the length. */

#define STREAM_BLOCK_SIZE (256U << 10)
#define STREAM_BLOCKS     12
#define STREAM_READERS    2

struct stream {
        pthread_mutex_t mutex;
        pthread_cond_t filled;  /* what readers wait for */
        pthread_cond_t emptied; /* what the producer waits for: readers do not wake each other */
        uint8_t *memory;
        size_t lengths[STREAM_BLOCKS];
        uint64_t produced;                 /* blocks published so far */
        uint64_t consumed[STREAM_READERS]; /* blocks released so far */
        bool ended;
        bool abandoned;
        int failure; /* of the producer */
};

/** 0 or -ENOMEM. */
int stream_init(struct stream *stream);
void stream_clear(struct stream *stream);

/** Waits for a free block of STREAM_BLOCK_SIZE bytes. 0, or -ECANCELED once a reader gave up. */
int stream_free_block(struct stream *stream, uint8_t **ret);
/** Hands the block on, with so many bytes in it. */
void stream_publish(struct stream *stream, size_t length);
/** Ends the stream; failure is 0 or the negative errno that readers get. */
void stream_end(struct stream *stream, int failure);

/** Waits for the reader's next block. *ret_length is 0 at the end. 0 or the producer's failure. */
int stream_read(struct stream *stream, unsigned int reader, const uint8_t **ret,
                size_t *ret_length);
/** Is done with the block that stream_read() gave. */
void stream_release(struct stream *stream, unsigned int reader);

/** A reader gives up: the producer and the other reader stop too, with -ECANCELED. */
void stream_abandon(struct stream *stream);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack/stream.h"

#include <errno.h>
#include <string.h>

int stream_init(struct stream *stream)
{
        *stream = (struct stream){ 0 };
        stream->memory = malloc((size_t)STREAM_BLOCKS * STREAM_BLOCK_SIZE);
        if (!stream->memory) {
                return -ENOMEM;
        }
        pthread_mutex_init(&stream->mutex, NULL);
        pthread_cond_init(&stream->filled, NULL);
        pthread_cond_init(&stream->emptied, NULL);
        return 0;
}

void stream_clear(struct stream *stream)
{
        if (stream->memory) {
                pthread_mutex_destroy(&stream->mutex);
                pthread_cond_destroy(&stream->filled);
                pthread_cond_destroy(&stream->emptied);
                free(stream->memory);
                stream->memory = NULL;
        }
}

static uint8_t *block_at(struct stream *stream, uint64_t number)
{
        return stream->memory + (size_t)(number % STREAM_BLOCKS) * STREAM_BLOCK_SIZE;
}

static bool is_full(const struct stream *stream)
{
        for (size_t i = 0; i < STREAM_READERS; i++) {
                if (stream->produced - stream->consumed[i] >= STREAM_BLOCKS) {
                        return true;
                }
        }
        return false;
}

int stream_free_block(struct stream *stream, uint8_t **ret)
{
        int r = 0;

        pthread_mutex_lock(&stream->mutex);
        while (is_full(stream) && !stream->abandoned) {
                pthread_cond_wait(&stream->emptied, &stream->mutex);
        }
        if (stream->abandoned) {
                r = -ECANCELED;
        } else {
                *ret = block_at(stream, stream->produced);
        }
        pthread_mutex_unlock(&stream->mutex);
        return r;
}

void stream_publish(struct stream *stream, size_t length)
{
        pthread_mutex_lock(&stream->mutex);
        stream->lengths[stream->produced % STREAM_BLOCKS] = length;
        stream->produced++;
        pthread_cond_broadcast(&stream->filled);
        pthread_mutex_unlock(&stream->mutex);
}

void stream_end(struct stream *stream, int failure)
{
        pthread_mutex_lock(&stream->mutex);
        stream->ended = true;
        stream->failure = failure;
        pthread_cond_broadcast(&stream->filled);
        pthread_mutex_unlock(&stream->mutex);
}

int stream_read(struct stream *stream, unsigned int reader, const uint8_t **ret, size_t *ret_length)
{
        int r = 0;

        pthread_mutex_lock(&stream->mutex);
        while (stream->consumed[reader] == stream->produced && !stream->ended &&
               !stream->abandoned) {
                pthread_cond_wait(&stream->filled, &stream->mutex);
        }
        if (stream->abandoned) {
                r = -ECANCELED;
        } else if (stream->consumed[reader] < stream->produced) {
                *ret = block_at(stream, stream->consumed[reader]);
                *ret_length = stream->lengths[stream->consumed[reader] % STREAM_BLOCKS];
        } else {
                r = stream->failure;
                *ret_length = 0;
        }
        pthread_mutex_unlock(&stream->mutex);
        return r;
}

void stream_release(struct stream *stream, unsigned int reader)
{
        pthread_mutex_lock(&stream->mutex);
        stream->consumed[reader]++;
        pthread_cond_signal(&stream->emptied);
        pthread_mutex_unlock(&stream->mutex);
}

void stream_abandon(struct stream *stream)
{
        pthread_mutex_lock(&stream->mutex);
        stream->abandoned = true;
        pthread_cond_broadcast(&stream->filled);
        pthread_cond_signal(&stream->emptied);
        pthread_mutex_unlock(&stream->mutex);
}

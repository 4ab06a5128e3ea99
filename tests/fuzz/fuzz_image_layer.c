/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/tree/tree.h"
#include "image/unpack/decompress.h"
#include "image/unpack/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
        struct decompress_source source;
        struct stream stream;
};

static void *run_decompress(void *data)
{
        struct input *input = data;

        if (decompress_prepare(&input->source, NULL) == 0) {
                (void)decompress(&input->source, &input->stream, NULL);
        } else {
                stream_end(&input->stream, -EBADMSG);
        }
        return NULL;
}

static void *run_hash(void *data)
{
        struct input *input = data;
        const uint8_t *block;
        size_t length;

        while (stream_read(&input->stream, 1, &block, &length) == 0 && length > 0) {
                stream_release(&input->stream, 1);
        }
        return NULL;
}

/* Compressed or plain tars, unpacked into a separate directory, which must still exist afterwards.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input input = { .source = { .control = -EBADF, .remaining = size } };
        char place[] = "/dev/shm/fuzz-image-XXXXXX", inner[64];
        _cleanup_close_ int file = memfd_create("layer", MFD_CLOEXEC), root = -EBADF, tmp = -EBADF;
        _cleanup_fclose_ FILE *entries = tmpfile(), *implied = tmpfile();
        const struct unpack_options options = { .literal = false };
        struct unpack_result result;
        pthread_t threads[2];
        int here = open(".", O_PATH);

        if (!mkdtemp(place) || file < 0 || write(file, data, size) != (ssize_t)size || !entries ||
            !implied || stream_init(&input.stream) < 0) {
                abort();
        }
        (void)snprintf(inner, sizeof inner, "%s/tree", place);
        if (mkdir(inner, 0755) < 0) {
                abort();
        }
        tmp = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        root = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        input.source.fd = file;
        (void)pthread_create(&threads[0], NULL, run_decompress, &input);
        (void)pthread_create(&threads[1], NULL, run_hash, &input);
        if (unpack(&input.stream, &options, root, entries, implied, &result, NULL) < 0) {
                stream_abandon(&input.stream);
        }
        (void)pthread_join(threads[0], NULL);
        (void)pthread_join(threads[1], NULL);
        stream_clear(&input.stream);
        (void)!fchdir(here);
        (void)close(here);
        if (rmdir(place) == 0 || errno != ENOTEMPTY) {
                abort();
        }
        (void)tree_remove(tmp, place + sizeof "/dev/shm/" - 1, NULL);
        return 0;
}

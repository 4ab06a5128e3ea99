/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The minimum cost of a layer: its bytes are hashed and inflated, and the output is hashed, on all
 * processors. Nothing is fetched or written. usage: image_floor LAYER.gz */
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE (256U << 10)
#define BLOCKS     12

static struct {
        const uint8_t *packed;
        size_t packed_length;
        uint8_t blocks[BLOCKS][BLOCK_SIZE];
        size_t lengths[BLOCKS];
        sem_t empty, full;
} shared;

static void require(int fine, const char *what)
{
        if (!fine) {
                perror(what);
                exit(1);
        }
}

static void *hash_packed(void *unused)
{
        unsigned char digest[EVP_MAX_MD_SIZE];

        require(EVP_Digest(shared.packed, shared.packed_length, digest, NULL, EVP_sha256(), NULL),
                "hash the layer");
        return unused;
}

/* An empty block marks the end. */
static void *hash_plain(void *unused)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();

        require(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL), "begin a hash");
        for (size_t i = 0;; i = (i + 1) % BLOCKS) {
                size_t length;

                sem_wait(&shared.full);
                length = shared.lengths[i];
                EVP_DigestUpdate(context, shared.blocks[i], length);
                sem_post(&shared.empty);
                if (length == 0) {
                        break;
                }
        }
        EVP_MD_CTX_free(context);
        return unused;
}

static void inflate_all(void)
{
        struct inflate_state state;
        size_t i = 0, length = 1;

        isal_inflate_init(&state);
        state.crc_flag = ISAL_GZIP;
        state.next_in = (uint8_t *)shared.packed;
        state.avail_in = (uint32_t)shared.packed_length;
        for (; length > 0; i = (i + 1) % BLOCKS) {
                sem_wait(&shared.empty);
                state.next_out = shared.blocks[i];
                state.avail_out = BLOCK_SIZE;
                require(state.block_state == ISAL_BLOCK_FINISH ||
                                isal_inflate(&state) == ISAL_DECOMP_OK,
                        "inflate");
                length = BLOCK_SIZE - state.avail_out;
                shared.lengths[i] = length;
                sem_post(&shared.full);
        }
}

int main(int argc, char **argv)
{
        int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
        pthread_t threads[2];
        struct stat status;

        require(fd >= 0 && fstat(fd, &status) == 0, "open the layer");
        shared.packed_length = (size_t)status.st_size;
        shared.packed = mmap(NULL, shared.packed_length, PROT_READ, MAP_PRIVATE, fd, 0);
        require(shared.packed != MAP_FAILED, "map the layer");
        require(sem_init(&shared.empty, 0, BLOCKS) == 0 && sem_init(&shared.full, 0, 0) == 0,
                "make semaphores");
        require(pthread_create(&threads[0], NULL, hash_packed, NULL) == 0 &&
                        pthread_create(&threads[1], NULL, hash_plain, NULL) == 0,
                "make threads");
        inflate_all();
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        return 0;
}

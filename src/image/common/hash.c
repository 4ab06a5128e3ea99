/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/common/hash.h"

#include "base/error.h"

#define CHUNK_SIZE (256U << 10)

static const char *const names[] = { [DIGEST_SHA256] = "SHA256", [DIGEST_SHA512] = "SHA512" };

int hash_start(struct hash *hash, enum digest_algorithm algorithm)
{
        /* Without this, OpenSSL 3 looks the algorithm up by name each time. */
        if (!hash->method || hash->algorithm != algorithm) {
                EVP_MD_free(hash->method);
                hash->method = EVP_MD_fetch(NULL, names[algorithm], NULL);
                hash->algorithm = algorithm;
        }
        if (!hash->context) {
                hash->context = EVP_MD_CTX_new();
        }
        if (!hash->method || !hash->context ||
            EVP_DigestInit_ex2(hash->context, hash->method, NULL) != 1) {
                return -ENOMEM;
        }
        return 0;
}

int hash_add(struct hash *hash, const void *data, size_t length)
{
        return EVP_DigestUpdate(hash->context, data, length) == 1 ? 0 : -EIO;
}

int hash_end(struct hash *hash, digest_text ret)
{
        uint8_t value[EVP_MAX_MD_SIZE];
        unsigned int size = 0;

        if (EVP_DigestFinal_ex(hash->context, value, &size) != 1 ||
            size != digest_size(hash->algorithm)) {
                return -EIO;
        }
        digest_format(hash->algorithm, value, ret);
        return 0;
}

void hash_clear(struct hash *hash)
{
        EVP_MD_CTX_free(hash->context);
        EVP_MD_free(hash->method);
        *hash = (struct hash)HASH_INIT;
}

int hash_memory(const void *data, size_t length, enum digest_algorithm algorithm, digest_text ret)
{
        _cleanup_hash_ struct hash hash = HASH_INIT;
        int r = hash_start(&hash, algorithm);

        if (r == 0) {
                r = hash_add(&hash, data, length);
        }
        return r == 0 ? hash_end(&hash, ret) : r;
}

int hash_add_file(struct hash *hash, int fd, off_t offset, off_t length)
{
        _cleanup_free_ char *chunk = malloc(CHUNK_SIZE);

        if (!chunk) {
                return -ENOMEM;
        }
        while (length > 0) {
                size_t wanted = length < (off_t)CHUNK_SIZE ? (size_t)length : CHUNK_SIZE;
                ssize_t n = pread(fd, chunk, wanted, offset);
                int r;

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n <= 0) {
                        return n < 0 ? -errno : -ENODATA;
                }
                r = hash_add(hash, chunk, (size_t)n);
                if (r < 0) {
                        return r;
                }
                offset += n;
                length -= n;
        }
        return 0;
}

int hash_mismatch(struct machine_error *error, const char *what, const char *expected,
                  const char *found)
{
        return error_say(error, EBADMSG, "the digest of %s does not match: expected %s, found %s",
                         what, expected, found);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMMON_HASH_H
#define IMAGE_COMMON_HASH_H

#include <stddef.h>
#include <sys/types.h>

#include <openssl/evp.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "image/digest.h"

/** A digest in progress. */
struct hash {
        enum digest_algorithm algorithm;
        EVP_MD *method;
        EVP_MD_CTX *context;
};

#define HASH_INIT               \
        {                       \
                .method = NULL, \
        }

/** Starts or restarts a digest. Returns 0 or -ENOMEM. */
int hash_start(struct hash *hash, enum digest_algorithm algorithm);
/** Returns 0 or -EIO. */
int hash_add(struct hash *hash, const void *data, size_t length);
/** Ends it; hash_start() can begin the next. Returns 0 or -EIO. */
int hash_end(struct hash *hash, digest_text ret);
void hash_clear(struct hash *hash);

#define _cleanup_hash_ _cleanup_(hash_clear)

/** The digest of a memory range. Returns 0 or -errno. */
int hash_memory(const void *data, size_t length, enum digest_algorithm algorithm, digest_text ret);

/** Adds `length` bytes of a file from `offset` on. Returns 0, -ENODATA if the file is shorter, or
 * -errno. */
int hash_add_file(struct hash *hash, int fd, off_t offset, off_t length);

/** Reports that the digest of `what` does not match: "expected .., found ..". Returns -EBADMSG. */
int hash_mismatch(struct machine_error *error, const char *what, const char *expected,
                  const char *found);

#endif

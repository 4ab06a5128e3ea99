/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DISK_FINGERPRINT_H
#define IMAGE_DISK_FINGERPRINT_H

#include <stdint.h>

#include <machine/error.h>

#include "image/digest.h"

/** What tells one tree of files from another: their names, types, owners, modes, sizes and times,
 * not their content. */
struct fingerprint {
        digest_text digest;
        int64_t epoch; /* the time of the image; no file is later */
};

/** Takes the fingerprint of a directory. The epoch is SOURCE_DATE_EPOCH or, without it, the time of
 * the newest file. Returns 0, or -errno with error set. */
int fingerprint_take(int tree_fd, struct fingerprint *ret, struct machine_error *error);

/** A UUID in the form of a random one. */
typedef char uuid_text[37];

/** Derives an identifier, different for each purpose. Returns 0 or -errno. */
int fingerprint_derive(const struct fingerprint *fingerprint, const char *purpose, uuid_text ret);

/** The same as 64 hexadecimal digits. */
int fingerprint_derive_salt(const struct fingerprint *fingerprint, digest_text ret);

/** Puts hyphens into 32 hexadecimal digits. */
void uuid_format(const char *digits, uuid_text ret);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DIGEST_H
#define IMAGE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

/* A digest names content: "sha256:" and 64 or "sha512:" and 128 lower-case hexadecimal digits. It
 * is checked before it becomes part of a path or a URL (OCI image specification, "Digests"). The
 * store names images by SHA-256, whatever digest others use. */

enum digest_algorithm {
        DIGEST_SHA256,
        DIGEST_SHA512,
};

#define DIGEST_PREFIX          "sha256:"
#define DIGEST_HEX_LENGTH      64
#define DIGEST_TEXT_LENGTH_MAX (7 + 128)
#define DIGEST_SIZE_MAX        64

/** A digest's text with its NUL. */
typedef char digest_text[DIGEST_TEXT_LENGTH_MAX + 1];

/** Whether the whole text is a digest. NULL is none. */
bool digest_is_valid(const char *text);

/** The algorithm of a valid digest; NULL gives DIGEST_SHA256. */
enum digest_algorithm digest_algorithm_of(const char *text);

/** The length of the algorithm's hashes in bytes. */
unsigned int digest_size(enum digest_algorithm algorithm);

/** The hexadecimal digits of a valid digest. */
const char *digest_digits(const char *text);

/** Copies a valid digest's text. */
void digest_copy(const char *text, digest_text ret);

/** Formats a hash as a digest. */
void digest_format(enum digest_algorithm algorithm, const uint8_t *hash, digest_text ret);

/** Writes the name of content in the store, "sha256-HEX": overlayfs separates layers by colons, so
 * no path may hold one. The digest is valid. */
void digest_file_name(const char *text, digest_text ret);

/** The reverse: "sha256-HEX" to "sha256:HEX". Returns false if it is not such a name. */
bool digest_from_file_name(const char *name, digest_text ret);

#endif

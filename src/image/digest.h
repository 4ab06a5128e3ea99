/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DIGEST_H
#define IMAGE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

/* A digest names content: "sha256:" and 64 lower-case hexadecimal digits. Its text is checked
 * before it becomes part of a path or of a URL (OCI image specification, "Digests"). */

#define DIGEST_PREFIX      "sha256:"
#define DIGEST_HEX_LENGTH  64
#define DIGEST_TEXT_LENGTH (7 + DIGEST_HEX_LENGTH)
#define DIGEST_SIZE        32

/** A digest's text with its NUL. */
typedef char digest_text[DIGEST_TEXT_LENGTH + 1];

/** Whether the text is a digest, the whole of it. NULL is none. */
bool digest_is_valid(const char *text);

/** Writes a hash as a digest's text. */
void digest_format(const uint8_t hash[static DIGEST_SIZE], digest_text ret);

/** Writes the name that content has in the store, "sha256-HEX", so that no path holds a colon,
 *  which separates layers in overlayfs' options. The text has been checked. */
void digest_file_name(const char *text, digest_text ret);

/** The reverse: "sha256-HEX" to "sha256:HEX". Whether the name was one. */
bool digest_from_file_name(const char *name, digest_text ret);

#endif

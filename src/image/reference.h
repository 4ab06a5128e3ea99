/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H

#include <machine/error.h>

#include "base/cleanup.h"

/**
 * The name of an image, "docker.io/library/nginx:1.27" in full. Exactly one of tag and digest is
 * set: if a reference has both, the digest wins.
 */
struct image_reference {
        char *domain;     /* "docker.io", "localhost:5000" */
        char *repository; /* "library/nginx" */
        char *tag;
        char *digest;
};

#define IMAGE_REFERENCE_INIT           \
        {                              \
                NULL, NULL, NULL, NULL \
        }

/**
 * Parses a reference as users write it. The first component is a domain if it contains "." or ":"
 * or is "localhost". The default domain is docker.io, whose one-component names are in "library/";
 * the default tag is "latest". Grammar: the distribution project's reference package. Returns 0,
 * -EINVAL with the reason in error, or -ENOMEM. The caller clears *ret.
 */
int image_reference_parse(const char *text, struct image_reference *ret,
                          struct machine_error *error);

/** Returns the full text, "DOMAIN/REPOSITORY:TAG" or "DOMAIN/REPOSITORY@DIGEST", which the caller
 * frees. NULL if out of memory. */
char *image_reference_format(const struct image_reference *reference);

/** Frees the members of a reference and empties it. */
void image_reference_clear(struct image_reference *reference);

#define _cleanup_image_reference_ _cleanup_(image_reference_clear)

#endif

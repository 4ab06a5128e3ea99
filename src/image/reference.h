/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H

#include <machine/error.h>

#include "base/cleanup.h"

/**
 * What an image is called: "docker.io/library/nginx:1.27" in full. Exactly one of tag and digest is
 * set: where a reference gives both, the digest wins.
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
 * Reads a reference as people write it. The first component is a domain where it holds "." or ":"
 * or is "localhost"; the default domain is docker.io, whose one-component names lie in "library/";
 * the default tag is "latest". Grammar: the distribution project's reference package.
 * 0, -EINVAL with the reason in error, or -ENOMEM. The caller clears *ret.
 */
int image_reference_parse(const char *text, struct image_reference *ret,
                          struct machine_error *error);

/** The full text, "DOMAIN/REPOSITORY:TAG" or "DOMAIN/REPOSITORY@DIGEST"; NULL when memory is short.
 * The caller frees it. */
char *image_reference_format(const struct image_reference *reference);

/** Frees what a reference owns and makes it empty. */
void image_reference_clear(struct image_reference *reference);

#define _cleanup_image_reference_ _cleanup_(image_reference_clear)

#endif

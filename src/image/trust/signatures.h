/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_SIGNATURES_H
#define IMAGE_TRUST_SIGNATURES_H

#include "image/trust/subject.h"

/* The signatures that exist for an image. None of them has been verified. */

/** An OpenPGP message, or a payload with its signature in base64. */
struct signature {
        char *data;
        size_t length;
        char *base64; /* NULL of an OpenPGP message */
};

struct signatures {
        struct signature *items;
        size_t count;
        bool simple;      /* those of the lookaside store have been read */
        bool attachments; /* and those of the registry */
};

/** The maximum number of signatures of a kind; c/image has the same. */
#define SIGNATURES_MAX 128

/**
 * Reads the simple signatures from the lookaside store that registries.d names for the image, or
 * from the default one. Returns 0 or -errno with error set.
 */
int signatures_read_simple(struct signatures *signatures, const struct trust_subject *subject,
                           struct machine_error *error);

/** Reads sigstore's signatures, which are in the registry under the tag "sha256-HEX.sig", if
 * registries.d enables them for the image. Returns 0 or -errno with error set. */
int signatures_read_attachments(struct signatures *signatures, const struct trust_subject *subject,
                                struct machine_error *error);

void signatures_clear(struct signatures *signatures);
#define _cleanup_signatures_ _cleanup_(signatures_clear)

#endif

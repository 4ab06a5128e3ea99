/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_PAYLOAD_H
#define IMAGE_TRUST_PAYLOAD_H

#include <jansson.h>

#include "image/trust/subject.h"

/** "critical.type" of what is signed with OpenPGP and with sigstore. */
#define PAYLOAD_TYPE_SIMPLE   "atomic container signature"
#define PAYLOAD_TYPE_SIGSTORE "cosign container image signature"

/**
 * Checks that a text whose signature has been verified is about the image: type, digest of the
 * manifest, and name (identity is the requirement's "signedIdentity"). Format:
 * containers-signature(5). Returns 0, or -EKEYREJECTED or -ENOMEM with error set.
 */
int payload_check(const char *text, size_t length, const char *type, const json_t *identity,
                  const struct trust_subject *subject, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_SIGSTORE_H
#define IMAGE_TRUST_SIGSTORE_H

#include "image/trust/keys.h"
#include "image/trust/signatures.h"

/** Verifies that a payload was signed with one of the keys, each a public ECDSA key in PEM; the
 * hash is SHA-256. Returns 0, -EKEYREJECTED, or -EINVAL for a key that cannot be used, with error
 * set. */
int sigstore_verify(const struct keys *keys, const struct signature *signature,
                    struct machine_error *error);

#endif

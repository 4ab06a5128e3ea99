/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_OPENPGP_H
#define IMAGE_TRUST_OPENPGP_H

#include "image/trust/keys.h"

/**
 * Verifies an OpenPGP message by gpgv(1), which runs without rights. It must have exactly one
 * signature, made by one of the keys, neither expired nor revoked. *ret is what was signed; the
 * caller frees it. Returns 0, -EKEYREJECTED, or another -errno, with error set.
 */
int openpgp_verify(const struct keys *keys, const char *message, size_t length, char **ret,
                   size_t *ret_length, struct machine_error *error);

/** Removes the ASCII armor of a key (RFC 4880, section 6.2), if it has one. The text ends with a
 * NUL beyond its length. Returns 0, -EINVAL, or -ENOMEM; the caller frees *ret. */
int openpgp_dearmor(const char *text, size_t length, char **ret, size_t *ret_length);

#endif

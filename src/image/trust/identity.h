/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_IDENTITY_H
#define IMAGE_TRUST_IDENTITY_H

#include <jansson.h>

#include "image/trust/subject.h"

/* "signedIdentity": which name of an image a signature must have been made for. */

/** Checks a value of "signedIdentity"; NULL is the default. Returns 0, or -EINVAL with error set.
 */
int identity_check(const json_t *identity, struct machine_error *error);

/** Whether a signature for the name `signed_name` is one for the image. */
bool identity_matches(const json_t *identity, const struct trust_subject *subject,
                      const char *signed_name);

#endif

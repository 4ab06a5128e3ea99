/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_REQUIREMENT_H
#define IMAGE_TRUST_REQUIREMENT_H

#include <jansson.h>

#include "image/trust/signatures.h"

/* The requirements of a policy, containers-policy.json(5). */

/** Checks that a requirement has a known type and that its values are well-formed. Returns 0, or
 * -EINVAL with error set. */
int requirement_check(const json_t *requirement, struct machine_error *error);

/** Judges an image by a checked requirement. Returns 0, -EKEYREJECTED, or -errno, with error set.
 */
int requirement_judge(const json_t *requirement, const struct trust_subject *subject,
                      struct signatures *signatures, struct machine_error *error);

#endif

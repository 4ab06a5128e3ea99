/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_TRUST_H
#define IMAGE_TRUST_TRUST_H

#include "image/trust/subject.h"

/* Whether the host's policy accepts an image: containers-policy.json(5), the file that Podman,
 * skopeo and CRI-O read, with the signatures that containers-registries.d(5) points to. What the
 * policy demands and this program does not support is an error. */

/**
 * Judges an image by ~/.config/containers/policy.json or, if there is none,
 * /etc/containers/policy.json; without either, everything is accepted. Returns 0 if all
 * requirements are satisfied, -EKEYREJECTED with error set if one is not, or another -errno if that
 * cannot be found out.
 */
int trust_check(const struct trust_subject *subject, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_SCOPE_H
#define IMAGE_TRUST_SCOPE_H

#include "image/trust/subject.h"

/**
 * The scopes that an image belongs to, the most specific first, without the transport's default
 * "". Of an image in a registry these are its reference, its repository, the namespaces above it,
 * the host, and "*.DOMAIN" for each domain above the host. Of an archive they are its path and the
 * directories above it, except "/". Returns 0 or -ENOMEM; the caller frees *ret.
 */
int scope_list(const struct trust_subject *subject, char ***ret);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_DEFAULT_H
#define SECURITY_SECCOMP_DEFAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "security/seccomp_policy.h"

/**
 * What the default profile looks at, reduced to what makes a difference: two machines with the same
 * number have the same filter. `audit` says whether the kernel would let the machine speak to audit
 * at all, which it does only outside of a user namespace.
 */
uint64_t seccomp_default_key(uint64_t capabilities, bool audit);

/**
 * The default profile: an allow list, wider for each capability that makes more calls useful. A
 * call that is not on it fails with EPERM; a number that nobody knows with ENOSYS, as on an older
 * kernel, so that C libraries fall back. 0 or -ENOMEM; the caller clears *ret.
 */
int seccomp_default_policy(uint64_t key, struct seccomp_policy *ret);

/** The profile "off": everything is allowed, for `deny` to take away from. */
void seccomp_open_policy(struct seccomp_policy *ret);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_DEFAULT_H
#define SECURITY_SECCOMP_DEFAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "security/seccomp/policy.h"

/**
 * The input of the default profile, reduced to what makes a difference: machines with the same key
 * have the same filter. `audit` is whether the kernel would let the machine use audit at all, which
 * it does only outside a user namespace.
 */
uint64_t seccomp_default_key(uint64_t capabilities, bool audit);

/**
 * The default profile: an allow list that grows with the capabilities. Other known calls fail with
 * EPERM; unknown numbers with ENOSYS, as on an older kernel, so that C libraries fall back. Returns
 * 0 or -ENOMEM; the caller clears *ret.
 */
int seccomp_default_policy(uint64_t key, struct seccomp_policy *ret);

/** The profile "off": allows everything that `deny` does not remove. */
void seccomp_open_policy(struct seccomp_policy *ret);

#endif

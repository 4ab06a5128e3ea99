/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_PROFILE_PROFILE_H
#define SECURITY_SECCOMP_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

#include "security/seccomp/policy.h"

/** The values that "includes" and "excludes" of a profile refer to. */
struct seccomp_oci_subject {
        uint64_t capabilities;     /* of the payload's bounding set */
        unsigned int kernel_major; /* of the running kernel */
        unsigned int kernel_minor;
        bool agent; /* one on the host answers calls with SCMP_ACT_NOTIFY */
};

/**
 * Parses a seccomp profile in the format of the OCI runtime specification and Docker:
 * defaultAction, defaultErrnoRet, architectures or archMap, flags, and syscalls with names, action,
 * errnoRet, args, includes and excludes. Of several rules that match a call the strictest applies.
 * Several args for one index are alternatives, as users of libseccomp expect. A name that no
 * processor has is ignored if it would only be allowed, and is an error if the profile would refuse
 * it in vain.
 *
 * Errors name `file`, the rule and the value, and are of kind MACHINE_ERROR_DEFINITION. *ret_flags
 * are SECCOMP_FILTER_FLAG_*, with NEW_LISTENER if an action needs the agent. Returns 0 or -errno;
 * the caller clears *ret.
 */
int seccomp_oci_parse(const char *text, size_t length, const char *file,
                      const struct seccomp_oci_subject *subject, struct seccomp_policy *ret,
                      uint32_t *ret_flags, struct machine_error *error);

enum seccomp_oci_kind {
        SECCOMP_OCI_ACTIONS,
        SECCOMP_OCI_OPERATORS,
        SECCOMP_OCI_ARCHITECTURES,
        SECCOMP_OCI_FLAGS,
};

/** Lists the names that a profile can have. Returns 0 or -ENOMEM; the caller frees *ret. */
int seccomp_oci_list(enum seccomp_oci_kind kind, char ***ret);

#endif

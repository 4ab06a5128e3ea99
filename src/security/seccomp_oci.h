/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_OCI_H
#define SECURITY_SECCOMP_OCI_H

#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

#include "security/seccomp_policy.h"

/** What a profile may ask about, in its "includes" and "excludes". */
struct seccomp_oci_subject {
        uint64_t capabilities;     /* of the payload's bounding set */
        unsigned int kernel_major; /* of the running kernel */
        unsigned int kernel_minor;
};

/**
 * Reads a seccomp profile as the OCI runtime specification and Docker write it: defaultAction,
 * defaultErrnoRet, architectures or archMap, flags, and syscalls with names, action, errnoRet,
 * args, includes and excludes. Of several rules that match a call the strictest holds. Several args
 * for one index are alternatives, as libseccomp's users have it. A name that no processor has is
 * passed over where it would only be allowed, and is an error where the profile would refuse it in
 * vain.
 *
 * `file` is for messages, which name it, the rule and the value; their kind is
 * MACHINE_ERROR_DEFINITION. *ret_log is set where the profile asks for logging. 0 or -errno; the
 * caller clears *ret.
 */
int seccomp_oci_parse(const char *text, size_t length, const char *file,
                      const struct seccomp_oci_subject *subject, struct seccomp_policy *ret,
                      bool *ret_log, struct machine_error *error);

#endif

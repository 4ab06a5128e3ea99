/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_BECOME_H
#define SECURITY_BECOME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <machine/error.h>

#include "security/capabilities.h"
#include "security/seccomp.h"

/* What a process gives up on its way to the payload. This part of the room needs nothing but libc:
 * it also works in a static program without a file system around it. */

/** Who a payload is. groups may be NULL when group_count is 0. */
struct security_identity {
        uid_t uid;
        gid_t gid;
        const gid_t *groups;
        size_t group_count;
        struct capability_sets capabilities;
        bool no_new_privileges;
        int parent_death_signal; /* 0: none; set after the last change of credentials, which clears
                                    it */
};

/**
 * Makes the calling process what the payload shall be, all but the filter: bounding set, groups,
 * user, the other four sets, parent death signal, no_new_privs. Needs CAP_SETPCAP, CAP_SETUID and
 * CAP_SETGID in the process' user namespace. `program` is the filter that follows (NULL or empty:
 * none): without no_new_privileges CAP_SYS_ADMIN is kept for it.
 *
 * root keeps the bounding set through execve(2), so it has bounding, permitted and effective as
 * given, and neither inheritable nor ambient ones. Any other user keeps the ambient set alone,
 * which the kernel allows only for capabilities that are inheritable too.
 *
 * 0, or -errno with the error telling what failed; the process is then half-changed and has to end.
 */
int security_become(const struct security_identity *identity, const struct seccomp_program *program,
                    struct machine_error *error);

/**
 * Installs the filter that security_become() was told of and gives back what was kept for it. What
 * comes after is subject to the filter: nothing but execve(2) should. 0 or -errno.
 */
int security_filter(const struct security_identity *identity, const struct seccomp_program *program,
                    struct machine_error *error);

/**
 * Reduces a root process that goes on running beside the payload (a stub PID 1, once it has started
 * the payload, which may need more to become its user) to the given sets:
 * bounding, permitted, effective, nothing inheritable or ambient. 0 or -errno.
 */
int security_confine(const struct capability_sets *capabilities, struct machine_error *error);

#endif

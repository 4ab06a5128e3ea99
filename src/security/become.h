/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_BECOME_H
#define SECURITY_BECOME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <machine/error.h>

#include "security/capabilities/capabilities.h"
#include "security/seccomp/program.h"

/* Dropping privileges on the way to the payload. This code needs only libc: it also runs in a
 * static program without a file system. */

/** The user and groups of a payload. groups may be NULL if group_count is 0. */
struct security_identity {
        uid_t uid;
        gid_t gid;
        const gid_t *groups;
        size_t group_count;
        bool keep_groups; /* those that the process has, instead of these */
        struct capability_sets capabilities;
        bool no_new_privileges;
        int parent_death_signal; /* 0: none; set after the last change of credentials, which clears
                                    it */
};

/**
 * Capabilities kept in addition to the payload's sets until the filter is installed: without
 * no_new_privs the kernel accepts a filter only from a process with CAP_SYS_ADMIN in its user
 * namespace.
 */
uint64_t security_kept_for_filter(const struct security_identity *identity,
                                  const struct seccomp_program *program);

/** Drops all other capabilities; the bounding set stays. Returns 0 or -errno. */
int security_keep(uint64_t kept, struct machine_error *error);

/** Drops all supplementary groups. Where the user namespace denies setgroups(2) they stay. Returns
 * 0 or -errno. */
int security_drop_groups(void);

/**
 * The first half of becoming the payload. Afterwards the process has no more privileges than the
 * payload, except for the capabilities in `kept`, its real and saved user ids, and the missing
 * filter. It is not dumpable, and stays so until execve(2). So this must run before the process is
 * visible in a running machine.
 *
 * Sets the bounding set, groups, effective user, the other sets and no_new_privs. Needs
 * CAP_SETPCAP, CAP_SETUID and CAP_SETGID in the process's user namespace. `program` is the filter
 * that follows (NULL or empty: none): without no_new_privileges CAP_SYS_ADMIN is kept for it.
 *
 * root keeps the bounding set through execve(2), so it gets the given bounding, permitted and
 * effective sets, and empty inheritable and ambient ones. Any other user keeps only the ambient
 * set, whose capabilities the kernel requires to be inheritable as well. Exact sets are set as they
 * are, and execve(2) computes the program's from them.
 *
 * Returns 0, or -errno with an error that names the failed step; the process is then in an
 * intermediate state and must exit.
 */
int security_begin(const struct security_identity *identity, const struct seccomp_program *program,
                   uint64_t kept, struct machine_error *error);

/**
 * The second half, which needs no capability: the remaining user ids, the exact sets, the parent
 * death signal. Returns 0, or -errno as above.
 */
int security_complete(const struct security_identity *identity,
                      const struct seccomp_program *program, struct machine_error *error);

/**
 * Installs the filter passed to both halves and drops the capabilities kept for it. Everything
 * after it is subject to the filter: only execve(2) should follow. *ret_listener as in
 * seccomp_program_install(). Returns 0 or -errno.
 */
int security_filter(const struct security_identity *identity, const struct seccomp_program *program,
                    int *ret_listener, struct machine_error *error);

/**
 * Reduces the privileges of a process that stays next to a payload: capabilities in `kept`
 * (bounding, as far as held; permitted and effective; no inheritable or ambient ones), no_new_privs
 * and, if the payload may have CAP_SYS_PTRACE, the filter of seccomp_install_beside(). Needs
 * CAP_SETPCAP. Returns 0 or -errno.
 */
int security_confine(uint64_t kept, const struct security_identity *payload,
                     struct machine_error *error);

#endif

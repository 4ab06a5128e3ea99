/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_PROFILE_READER_H
#define SECURITY_SECCOMP_PROFILE_READER_H

#include <jansson.h>

#include <machine/error.h>

#include "base/strings.h"
#include "security/seccomp/policy.h"
#include "security/seccomp/profile/profile.h"

/* What the files of this room share while they read one profile. Their functions return 0 or
 * -errno, with the reader's error set. */

struct profile_reader {
        const char *file;
        const struct seccomp_oci_subject *subject;
        struct seccomp_policy policy;
        uint32_t flags;
        size_t rule; /* index in "syscalls", for messages */
        struct machine_error *error;
};

/** The names in a table whose rows, of `stride` bytes, begin with a name. */
struct profile_names {
        const void *first;
        size_t count;
        size_t stride;
};

extern const struct profile_names profile_actions;
extern const struct profile_names profile_operators;
extern const struct profile_names profile_architectures;
extern const struct profile_names profile_flags;

/** Sets an error about the profile. Returns -EINVAL or -ENOMEM. */
int profile_wrong(struct profile_reader *reader, const char *format, ...) _printf_(2, 3);

/** Sets an error about the current rule: "FILE: syscalls[3]: ..". */
int profile_wrong_rule(struct profile_reader *reader, const char *format, ...) _printf_(2, 3);

/** Reads "architectures" and Docker's "archMap". */
int profile_read_architectures(struct profile_reader *reader, const json_t *profile);

/** Reads "flags". */
int profile_read_flags(struct profile_reader *reader, const json_t *profile);

/** Applies the rules of seccomp(2) for flags, once it is known whether any action needs an agent.
 */
int profile_settle_flags(struct profile_reader *reader);

/** Reads the action in object[key], with the errno in object[errno_key], EPERM by default. `where`
 * begins messages. */
int profile_read_action(struct profile_reader *reader, const json_t *object, const char *key,
                        const char *errno_key, const char *where, uint32_t *ret);

/** Whether a rule applies to this machine: everything in "includes" and nothing in "excludes"
 * holds. Returns 1, 0 or -errno. */
int profile_rule_applies(struct profile_reader *reader, const json_t *rule);

/** Reads "args" of a rule. *ret_alternatives: two of them are about the same argument, which means
 * that any of them suffices. */
int profile_read_conditions(struct profile_reader *reader, const json_t *rule,
                            struct seccomp_condition conditions[static SECCOMP_CONDITIONS_MAXIMUM],
                            size_t *ret_count, bool *ret_alternatives);

/** Reads "syscalls" and adds each rule that applies to the policy. */
int profile_read_rules(struct profile_reader *reader, const json_t *profile);

#endif

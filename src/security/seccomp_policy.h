/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_POLICY_H
#define SECURITY_SECCOMP_POLICY_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/syscall_table.h"

/*
 * What a filter shall do, before it is one: rules per system call, in terms of names and values.
 * Of all rules that match a call the strictest holds, as it does among several filters in the
 * kernel; where none matches the policy's own answer does.
 */

enum seccomp_operation {
        SECCOMP_EQUAL,
        SECCOMP_NOT_EQUAL,
        SECCOMP_LESS,
        SECCOMP_LESS_OR_EQUAL,
        SECCOMP_GREATER,
        SECCOMP_GREATER_OR_EQUAL,
        SECCOMP_MASKED_EQUAL, /* (argument & mask) == value */
};

/** A comparison of one argument, unsigned and of the architecture's size. */
struct seccomp_condition {
        unsigned int argument; /* 0..5 */
        enum seccomp_operation operation;
        uint64_t value;
        uint64_t mask; /* of SECCOMP_MASKED_EQUAL */
};

#define SECCOMP_CONDITIONS_MAXIMUM 6

/** All conditions have to hold. */
struct seccomp_rule {
        uint32_t call;   /* index in syscall_table */
        uint32_t action; /* SECCOMP_RET_* with its data */
        uint32_t first_condition;
        uint32_t condition_count;
        uint32_t order; /* as they were added */
};

struct seccomp_policy {
        uint32_t default_action; /* for a call without a matching rule */
        uint32_t unknown_action; /* for a number that no call of the table has */
        uint32_t foreign_action; /* for an architecture that is not in use */
        bool architectures[SYSCALL_ARCHITECTURES_MAXIMUM]; /* which are in use */
        struct seccomp_rule *rules;
        size_t rule_count;
        size_t rule_room;
        struct seccomp_condition *conditions;
        size_t condition_count;
        size_t condition_room;
};

/** Frees what a policy owns and makes it empty. */
void seccomp_policy_clear(struct seccomp_policy *policy);

#define _cleanup_seccomp_policy_ _cleanup_(seccomp_policy_clear)

/** Adds a rule for the call at an index of syscall_table. 0, -ENOMEM, or -E2BIG for more rules than
 *  a filter could ever hold. */
int seccomp_policy_add(struct seccomp_policy *policy, uint32_t call, uint32_t action,
                       const struct seccomp_condition *conditions, size_t count);

/** Adds a rule without conditions for every call of a list as syscall_names_walk() takes it. Names
 *  that the table lacks are passed over. 0 or -errno. */
int seccomp_policy_add_names(struct seccomp_policy *policy, const char *names, uint32_t action);

/** Replaces all rules of a call by one without conditions. 0 or -errno. */
int seccomp_policy_replace(struct seccomp_policy *policy, uint32_t call, uint32_t action);

/**
 * Compiles a policy into a filter for the kernel: a binary search over the call's number, in which
 * neighbours with one answer are one step. 0, -ENOMEM, or -E2BIG where it would be longer than
 * BPF_MAXINSNS. The caller frees *ret. The policy's rules are sorted by it.
 */
int seccomp_policy_compile(struct seccomp_policy *policy, struct sock_filter **ret,
                           size_t *ret_length);

#endif

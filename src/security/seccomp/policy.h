/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_POLICY_H
#define SECURITY_SECCOMP_POLICY_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/syscalls/syscall_table.h"

/*
 * A filter before compilation: rules per system call, in terms of names and values. Of all rules
 * that match a call the strictest applies, as among several filters in the kernel; without a match
 * the policy's default applies.
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

/** A comparison of one argument, unsigned, in the architecture's size. */
struct seccomp_condition {
        unsigned int argument; /* 0..5 */
        enum seccomp_operation operation;
        uint64_t value;
        uint64_t mask; /* of SECCOMP_MASKED_EQUAL */
};

#define SECCOMP_CONDITIONS_MAXIMUM 6

/** All conditions must match. */
struct seccomp_rule {
        uint32_t call;   /* index in syscall_table */
        uint32_t action; /* SECCOMP_RET_* with its data */
        uint32_t first_condition;
        uint32_t condition_count;
        uint32_t order; /* in the order they were added */
};

struct seccomp_policy {
        uint32_t default_action; /* for a call without a matching rule */
        uint32_t unknown_action; /* for a number that is not in the table */
        uint32_t foreign_action; /* for an architecture that is not in use */
        bool architectures[SYSCALL_ARCHITECTURES_MAXIMUM]; /* which are in use */
        struct seccomp_rule *rules;
        size_t rule_count;
        size_t rule_room;
        struct seccomp_condition *conditions;
        size_t condition_count;
        size_t condition_room;
};

/** Frees the policy's rules and makes it empty. */
void seccomp_policy_clear(struct seccomp_policy *policy);

#define _cleanup_seccomp_policy_ _cleanup_(seccomp_policy_clear)

/** Adds a rule for the call at an index of syscall_table. Returns 0, -ENOMEM, or -E2BIG for more
 * rules than a filter can contain. */
int seccomp_policy_add(struct seccomp_policy *policy, uint32_t call, uint32_t action,
                       const struct seccomp_condition *conditions, size_t count);

/** Adds an unconditional rule for every call of a list in the format of syscall_names_walk().
 * Ignores names that are not in the table. Returns 0 or -errno. */
int seccomp_policy_add_names(struct seccomp_policy *policy, const char *names, uint32_t action);

/** Replaces all rules of a call with an unconditional one. Returns 0 or -errno. */
int seccomp_policy_replace(struct seccomp_policy *policy, uint32_t call, uint32_t action);

/**
 * Compiles a policy into a filter for the kernel: a binary search for the call's number, in which
 * neighbours with the same answer are one step. Sorts the policy's rules. Returns 0, -ENOMEM, or
 * -E2BIG if the filter exceeds BPF_MAXINSNS. The caller frees *ret.
 */
int seccomp_policy_compile(struct seccomp_policy *policy, struct sock_filter **ret,
                           size_t *ret_length);

#endif

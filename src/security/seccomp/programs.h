/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_PROGRAMS_H
#define SECURITY_SECCOMP_PROGRAMS_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/** A filter compiled at build time by generate_programs.c. */
struct seccomp_built_program {
        uint64_t key; /* seccomp_default_key() of its machines */
        const struct sock_filter *instructions;
        size_t length;
};

extern const struct seccomp_built_program seccomp_built_programs[];
extern const size_t seccomp_built_program_count;

/** Changes with the filter compiler and its tables: a part of every cache key. */
extern const char seccomp_build[];

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_PROGRAMS_H
#define SECURITY_SECCOMP_PROGRAMS_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/** A filter that was compiled together with this program, by generate_programs.c. */
struct seccomp_built_program {
        uint64_t key; /* seccomp_default_key() of the machines that it is for */
        const struct sock_filter *instructions;
        size_t length;
};

extern const struct seccomp_built_program seccomp_built_programs[];
extern const size_t seccomp_built_program_count;

/** Changes with the compiler of filters and its tables: a part of every cache entry's key. */
extern const char seccomp_build[];

#endif

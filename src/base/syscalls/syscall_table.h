/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_SYSCALLS_SYSCALL_TABLE_H
#define BASE_SYSCALLS_SYSCALL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The table of system calls, generated at build time from libseccomp's tables by
 * generate_syscalls.c: a start need not load the library, and a filter depends only on the build.
 * Names are stored without pointers, so that nothing must be relocated.
 */

#define SYSCALL_ARCHITECTURES_MAXIMUM 3

/** A calling convention of the processor that this program is built for. The first is the native
 * one. */
struct syscall_architecture {
        char name[24];     /* in the syntax of OCI profiles: "SCMP_ARCH_X86_64" */
        uint32_t audit;    /* AUDIT_ARCH_*, as seccomp(2) reports it; x32 shares x86_64's */
        unsigned int bits; /* size of an argument */
        bool common;       /* used by ordinary programs: allowed by default */
};

/** A call known on any architecture; a number of -1 means not on that one. */
struct syscall_entry {
        uint16_t name; /* offset in syscall_names */
        int32_t numbers[SYSCALL_ARCHITECTURES_MAXIMUM];
};

extern const char syscall_processor[]; /* in the syntax of OCI profiles: "amd64" */
extern const struct syscall_architecture syscall_architectures[];
extern const size_t syscall_architecture_count;
extern const char syscall_names[];
extern const struct syscall_entry syscall_table[]; /* sorted by name */
extern const size_t syscall_count;

/** The name of the call at an index of the table. */
const char *syscall_name(size_t index);

/** The index of a call in the table by the first `length` characters of its name, or -ENOENT. */
int syscall_find(const char *name, size_t length);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_SYSCALL_TABLE_H
#define BASE_SYSCALL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The system calls that exist, made by generate_syscalls.c at build time from libseccomp's tables:
 * so a start needs neither the library nor the time to load it, and a filter depends on nothing
 * that can change after the build. Names without a pointer each: nothing has to be relocated.
 */

#define SYSCALL_ARCHITECTURES_MAXIMUM 3

/** A calling convention of the processor that this program is built for. The first is its own. */
struct syscall_architecture {
        char name[24];     /* as OCI profiles have it: "SCMP_ARCH_X86_64" */
        uint32_t audit;    /* AUDIT_ARCH_*, what seccomp(2) shows of it; x32 shares x86_64's */
        unsigned int bits; /* size of an argument */
        bool common;       /* in use by ordinary programs: allowed where nothing else is said */
};

/** One call, known on any architecture; a number of -1: not on that one. */
struct syscall_entry {
        uint16_t name; /* offset in syscall_names */
        int32_t numbers[SYSCALL_ARCHITECTURES_MAXIMUM];
};

extern const char syscall_processor[]; /* as OCI profiles have it: "amd64" */
extern const struct syscall_architecture syscall_architectures[];
extern const size_t syscall_architecture_count;
extern const char syscall_names[];
extern const struct syscall_entry syscall_table[]; /* sorted by name */
extern const size_t syscall_count;

/** The name of the call at an index of the table. */
const char *syscall_name(size_t index);

/** The index of a call in the table by its name's first `length` characters, or -ENOENT. */
int syscall_find(const char *name, size_t length);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_PROGRAM_H
#define SECURITY_SECCOMP_PROGRAM_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

#include "base/cleanup.h"

/**
 * A compiled filter, in the kernel's format. The instructions are position-independent and may be
 * sent to another process. A length of 0 means no filter.
 */
struct seccomp_program {
        struct sock_filter *instructions; /* owned */
        size_t length;                    /* in instructions, at most BPF_MAXINSNS */
        uint32_t flags;                   /* SECCOMP_FILTER_FLAG_* of seccomp(2) */
};

#define SECCOMP_PROGRAM_INIT \
        {                    \
                NULL, 0, 0   \
        }

/** Frees the instructions and makes the program empty. */
void seccomp_program_free(struct seccomp_program *program);

#define _cleanup_seccomp_program_ _cleanup_(seccomp_program_free)

/**
 * Installs a filter in the calling thread, for it and its children; does nothing for an empty one.
 * Needs no_new_privs or CAP_SYS_ADMIN in the process's user namespace. Uses only libc. A program
 * with SECCOMP_FILTER_FLAG_NEW_LISTENER sets *ret_listener, which the caller closes: the descriptor
 * on which an agent answers calls (close-on-exec). Returns 0 or -errno.
 */
int seccomp_program_install(const struct seccomp_program *program, int *ret_listener,
                            struct machine_error *error);

/**
 * Installs the filter of a process that stays next to a payload: it can wait, read and write files,
 * send signals and messages, close descriptors and exit, and nothing else. A payload with
 * CAP_SYS_PTRACE that takes control of it gains nothing beyond that. Needs no_new_privs. Returns 0
 * or -errno.
 */
int seccomp_install_beside(struct machine_error *error);

#endif

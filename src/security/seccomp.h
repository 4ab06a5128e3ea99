/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_H
#define SECURITY_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include <machine/error.h>
#include <machine/machine.h>

#include "base/cleanup.h"
#include "security/capabilities.h"

/**
 * A finished filter, as the kernel takes it. The instructions are position-independent bytes and
 * may be sent to another process. A length of 0 is "no filter".
 */
struct seccomp_program {
        struct sock_filter *instructions; /* owned */
        size_t length;                    /* in instructions, at most BPF_MAXINSNS */
        bool log; /* the kernel logs what is refused (seccomp(2), FLAG_LOG) */
};

#define SECCOMP_PROGRAM_INIT   \
        {                      \
                NULL, 0, false \
        }

/**
 * The filter of a machine whose payload gets the given capabilities. The filters of the built-in
 * profiles were compiled when this program was; any other is taken from cache_directory (made where
 * missing; NULL: no cache) when one is there for exactly this content, else compiled and kept
 * there. A cache that cannot be read or written, or holds something damaged, costs time and nothing
 * else.
 *
 * Errors of the definition or of the JSON profile name the file, the rule and the value. 0 or
 * -errno. The caller frees *ret with seccomp_program_free().
 */
int seccomp_program_load(const struct machine *machine, const struct capability_sets *capabilities,
                         const char *cache_directory, struct seccomp_program *ret,
                         struct machine_error *error);

/** Frees what a program owns and makes it empty. */
void seccomp_program_free(struct seccomp_program *program);

#define _cleanup_seccomp_program_ _cleanup_(seccomp_program_free)

/**
 * Installs a filter in the calling thread and all that come from it; does nothing for an empty one.
 * Needs no_new_privs or CAP_SYS_ADMIN in the process' user namespace. Needs nothing but libc.
 * 0 or -errno.
 */
int seccomp_program_install(const struct seccomp_program *program, struct machine_error *error);

#endif

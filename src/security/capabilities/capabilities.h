/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_CAPABILITIES_CAPABILITIES_H
#define SECURITY_CAPABILITIES_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>
#include <machine/machine.h>

/* Capability sets as masks: bit N is capability number N in linux/capability.h. */

#define CAPABILITY_BIT(number) (UINT64_C(1) << (number))

/** The five capability sets of capabilities(7) that the payload starts with. */
struct capability_sets {
        uint64_t bounding;
        uint64_t permitted;
        uint64_t effective;
        uint64_t inheritable; /* of a root user; always 0: a set that no file asked for
                                 (CVE-2022-24769) */
        uint64_t ambient;     /* of a non-root user; see security_become() */
        bool exact;           /* the payload's sets are these, whoever its user is */
};

/**
 * Resolves a definition's capabilities: the profile plus `add` minus `drop`, where `add` wins and
 * "all" is every capability that this kernel knows. The system profile includes NET_ADMIN if the
 * machine has its own network. An unknown name, a capability that this kernel lacks, and an ambient
 * one that is not in the set are errors of kind MACHINE_ERROR_DEFINITION that name it. Returns 0 or
 * -errno.
 */
int capabilities_resolve(const struct machine *machine, struct capability_sets *ret,
                         struct machine_error *error);

/**
 * Takes the five sets of a bare machine as they are. An unknown name and a capability that cannot
 * be granted are appended to *warnings: the OCI runtime specification ("Linux Process") does not
 * let a start fail for them. Returns 0 or -errno.
 */
int capabilities_take_sets(const struct machine *machine, struct capability_sets *ret,
                           char ***warnings, struct machine_error *error);

/** The number of a capability by name, with or without "CAP_", case-insensitive. -EINVAL if
 * unknown. */
int capability_parse(const char *name);

/** Writes the name of a capability, "CAP_CHOWN", into text ("CAP_41" for one without a known
 * name). */
void capability_name(int number, char text[static 32]);

/** What a capability lets a process do, in a few words. */
const char *capability_allows(int number);

/** The calling process's bounding set. */
uint64_t capabilities_of_process(void);

/** All capabilities of the running kernel. */
uint64_t capabilities_of_kernel(void);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_CAPABILITIES_H
#define SECURITY_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>
#include <machine/machine.h>

/* Capability sets as plain masks: bit N is the capability of number N in linux/capability.h. */

#define CAPABILITY_BIT(number) (UINT64_C(1) << (number))

/** The five sets of capabilities(7) that a machine's payload starts with. */
struct capability_sets {
        uint64_t bounding;
        uint64_t permitted;
        uint64_t effective;
        uint64_t inheritable; /* of a root user; always 0: a set that no file asked for
                                 (CVE-2022-24769) */
        uint64_t ambient;     /* of a user who is not root; see security_become() */
};

/**
 * Works out what a definition asks for: profile plus `add` less `drop`, where `add` wins and "all"
 * is every capability that this kernel knows. The system profile has NET_ADMIN where the network
 * is the machine's own. A name that nobody knows, one that this kernel does not know, and an
 * ambient one that is not in the set are errors of kind MACHINE_ERROR_DEFINITION that name it.
 * 0 or -errno.
 */
int capabilities_resolve(const struct machine *machine, struct capability_sets *ret,
                         struct machine_error *error);

/** The number of a capability by name: with or without "CAP_", in any case. -EINVAL if unknown. */
int capability_parse(const char *name);

/** The name of a capability, "CAP_CHOWN", into text ("CAP_41" for one without a known name). */
void capability_name(int number, char text[static 32]);

/** Every capability that the running kernel knows. */
uint64_t capabilities_of_kernel(void);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_SECCOMP_H
#define SECURITY_SECCOMP_SECCOMP_H

#include <machine/machine.h>

#include "security/capabilities/capabilities.h"
#include "security/seccomp/program.h"

/**
 * Gets the filter of a machine whose payload has the given capabilities. The filters of the
 * built-in profiles are compiled at build time; any other is read from cache_directory (created if
 * missing; NULL: no cache) if it contains exactly this input, else compiled and stored there. A
 * cache that cannot be read or written, or is damaged, only costs time.
 *
 * Errors in the definition or the JSON profile name the file, the rule and the value. Returns 0 or
 * -errno. The caller frees *ret with seccomp_program_free().
 */
int seccomp_program_load(const struct machine *machine, const struct capability_sets *capabilities,
                         const char *cache_directory, struct seccomp_program *ret,
                         struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_CAPABILITIES_DEFINITION_ERROR_H
#define SECURITY_CAPABILITIES_DEFINITION_ERROR_H

#include <machine/error.h>
#include <machine/machine.h>

#include "base/cleanup.h"

/**
 * Sets an error about a machine's definition: "FILE:LINE: KEY: message", or "KEY: message" if the
 * key's position is unknown. Returns -EINVAL.
 */
int definition_error(struct machine_error *error, const struct machine *machine, const char *key,
                     const char *format, ...) _printf_(4, 5);

#endif

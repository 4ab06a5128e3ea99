/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_LIMITS_H
#define RUNTIME_COMMON_LIMITS_H

#include <machine/error.h>

#include "runtime/common/arguments.h"

/** Whether an option is given that is a limit, from ARGUMENT_MEMORY to ARGUMENT_BLKIO_WEIGHT. */
bool limits_given(const struct arguments *arguments);

/** Writes these options as the JSON document that they stand for, "linux.resources" of a
 * config.json. 0 or -errno with error set; the caller frees *ret. */
int limits_document(const struct arguments *arguments, char **ret, struct machine_error *error);

#endif

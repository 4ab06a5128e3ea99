/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_STRICT_H
#define IMAGE_TRUST_STRICT_H

#include <jansson.h>

#include <machine/error.h>

/** Checks that a value is an object with none but these keys (NULL-terminated). Returns 0, or
 * -EINVAL with error set. */
int strict_check_keys(const json_t *object, const char *const *keys, struct machine_error *error);

#endif

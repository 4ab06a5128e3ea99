/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CRIU_PROGRAM_H
#define CRIU_PROGRAM_H

#include <machine/error.h>

/** The path of CRIU, or NULL. The caller frees it. */
char *criu_path(void);

/** Says that it is missing, and how it is had. Returns -ENOENT. */
int criu_missing(struct machine_error *error);

#endif

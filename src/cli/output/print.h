/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_PRINT_H
#define CLI_OUTPUT_PRINT_H

#include <jansson.h>
#include <stdint.h>

#include "cli/common/cli.h"

/** Prints and frees JSON in the format given by --json. Returns 0 or -errno; -ENOMEM if value is
 * NULL. */
int cli_print_json(const struct cli *cli, json_t *value, struct machine_error *error);

/** Formats a time as "Mon 2026-01-05 10:00:00 UTC". Returns NULL for 0; the caller frees it. */
char *cli_format_timestamp(uint64_t usec);

#endif

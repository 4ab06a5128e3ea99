/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_COMMON_MOMENT_H
#define CLI_COMMON_MOMENT_H

#include <stdint.h>

#include "cli/common/cli.h"

/** Parses the value of an option that is a moment, "2026-01-31 12:00[:30]" in local time, or how
 * long ago it was. *ret is CLOCK_REALTIME in microseconds. Returns 0, or -EINVAL with error set. */
int cli_parse_moment(const struct cli_option *option, const char *value, uint64_t *ret,
                     struct machine_error *error);

#endif

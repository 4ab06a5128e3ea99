/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_COMMON_INTERVAL_H
#define CLI_COMMON_INTERVAL_H

#include "cli/common/cli.h"

#define CLI_INTERVAL_DEFAULT UINT64_C(1000000)

/** Sets the microseconds at option->flag of data. */
int cli_take_interval(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error);

/** The option --interval of a verb that shows figures again and again. */
#define CLI_INTERVAL_OPTION(type, member)                                                         \
        {                                                                                         \
                'i', "interval", "TIME", "time between updates (default: 1s)", cli_take_interval, \
                        offsetof(type, member)                                                    \
        }

#endif

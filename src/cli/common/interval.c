/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/common/interval.h"

#include <errno.h>

#include "base/error.h"
#include "base/quantity.h"

#define LEAST (100 * USEC_PER_MSEC)

int cli_take_interval(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        uint64_t interval;

        if (quantity_parse_time(value, &interval) < 0 || interval < LEAST) {
                return error_say(error, EINVAL,
                                 "--interval=%s: expected a time of at least 100ms, such as 2s",
                                 value);
        }
        *(uint64_t *)(void *)((char *)data + option->flag) = interval;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/common/moment.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/quantity.h"

int cli_parse_moment(const struct cli_option *option, const char *value, uint64_t *ret,
                     struct machine_error *error)
{
        static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
                                               "%Y-%m-%d %H:%M", "%Y-%m-%d" };
        uint64_t ago;

        if (quantity_parse_time(value, &ago) == 0) {
                uint64_t now = clock_realtime();

                *ret = ago < now ? now - ago : 0;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTS_OF(formats); i++) {
                struct tm parts = { .tm_isdst = -1 };
                const char *end = strptime(value, formats[i], &parts);

                if (end && *end == '\0') {
                        *ret = (uint64_t)mktime(&parts) * USEC_PER_SEC;
                        return 0;
                }
        }
        return error_say(error, EINVAL,
                         "--%s=%s: expected a time such as \"2026-01-31 12:00\", or how long ago, "
                         "such as \"10min\"",
                         option->name, value);
}

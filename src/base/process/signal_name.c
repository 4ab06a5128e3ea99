/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process/signal_name.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/quantity.h"
#include "base/strings.h"

void signal_name(int signal, char text[static 16])
{
        const char *name = sigabbrev_np(signal);

        if (name) {
                snprintf(text, 16, "SIG%s", name);
        } else if (signal > SIGNAL_REALTIME_FIRST && signal <= SIGNAL_REALTIME_LAST) {
                snprintf(text, 16, "SIGRTMIN+%d", signal - SIGNAL_REALTIME_FIRST);
        } else if (signal == SIGNAL_REALTIME_FIRST) {
                snprintf(text, 16, "SIGRTMIN");
        } else {
                snprintf(text, 16, "%d", signal);
        }
}

int signal_parse(const char *text)
{
        const char *name = string_after(text, "SIG");
        const char *offset;
        uint64_t number;

        if (quantity_parse_number(text, &number) == 0) {
                return number >= 1 && number <= (uint64_t)SIGNAL_REALTIME_LAST ? (int)number
                                                                               : -EINVAL;
        }
        if (!name) {
                name = text;
        }
        for (int signal = 1; signal < SIGNAL_REALTIME_FIRST; signal++) {
                const char *known = sigabbrev_np(signal);

                if (known && strcmp(known, name) == 0) {
                        return signal;
                }
        }
        offset = string_after(name, "RTMIN");
        if (!offset) {
                return -EINVAL;
        }
        if (*offset == '\0') {
                return SIGNAL_REALTIME_FIRST;
        }
        if (*offset != '+' || quantity_parse_number(offset + 1, &number) < 0 ||
            number > (uint64_t)(SIGNAL_REALTIME_LAST - SIGNAL_REALTIME_FIRST)) {
                return -EINVAL;
        }
        return SIGNAL_REALTIME_FIRST + (int)number;
}

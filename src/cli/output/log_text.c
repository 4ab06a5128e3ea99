/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/log_text.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "base/quantity.h"
#include "cli/output/payload.h"

int log_text_print(const struct log_entry *entry, bool raw)
{
        _cleanup_free_ char *text = raw ? NULL : payload_for_terminal(entry->text, entry->length);

        if (raw) {
                fwrite(entry->text, 1, entry->length, stdout);
                return 0;
        }
        if (!text) {
                return -ENOMEM;
        }
        fputs(text, stdout);
        return 0;
}

void log_text_stamp(uint64_t usec, char ret[static 32])
{
        time_t seconds = (time_t)(usec / USEC_PER_SEC);
        struct tm parts;

        if (!localtime_r(&seconds, &parts) || strftime(ret, 32, "%b %d %H:%M:%S", &parts) == 0) {
                ret[0] = '\0';
        }
}

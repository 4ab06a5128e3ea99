/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/supervision.h"

#include <stdlib.h>

#include "base/strings.h"
#include "supervise/output/output.h"

void supervisor_say(struct supervisor *supervisor, const char *format, ...)
{
        _cleanup_free_ char *text = STRING_OF_ARGUMENTS(format);

        if (text) {
                output_say(supervisor->output, text);
        }
}

void supervisor_set_reason(struct supervisor *supervisor, const char *reason)
{
        /* The first reason is the cause, later ones are its consequences. */
        if (!supervisor->reason) {
                supervisor->reason = strdup(reason);
                supervisor_say(supervisor, "machinectl-lite: %s", reason);
        }
}

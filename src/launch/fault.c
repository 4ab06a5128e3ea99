/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fault injection, for tests of the cleanup after failed starts. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "launch/context.h"
#include "machinectl-lite-settings.h"

#if FAULT_INJECTION

/* MACHINECTL_LITE_FAULT is "STEP:ERRNO", "STEP:kill" or "STEP:hang", for steps of the parent and of
 * the child. A hanging process has the name "fault-hang" and waits to be killed from outside: PID 1
 * cannot kill itself. */
int launch_inject_fault(const char *step, struct machine_error *error)
{
        const char *fault = getenv("MACHINECTL_LITE_FAULT");
        const char *rest = fault ? string_after(fault, step) : NULL;
        uint64_t number;

        if (!rest || *rest++ != ':') {
                return 0;
        }
        if (strcmp(rest, "kill") == 0) {
                (void)raise(SIGKILL);
                /* The first process of a pid namespace cannot kill itself. */
                _exit(128 + SIGKILL);
        }
        if (strcmp(rest, "hang") == 0) {
                (void)prctl(PR_SET_NAME, "fault-hang");
                for (;;) {
                        (void)pause();
                }
        }
        if (quantity_parse_number(rest, &number) < 0 || number == 0 || number > 4095) {
                return error_say(error, EINVAL, "MACHINECTL_LITE_FAULT=%s: no such fault", fault);
        }
        return error_set(error, (int)number, "injected fault");
}

#else

int launch_inject_fault(const char *step, struct machine_error *error)
{
        return 0;
}

#endif

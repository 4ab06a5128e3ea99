/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/steps.h"

#include "launch/launch.h"

int steps_run(const struct runtime *runtime, const struct step *steps, void *data,
              struct machine_error *error)
{
        int r = 0;

        for (const struct step *step = steps; r >= 0 && step->name; step++) {
                r = launch_inject_fault(step->name, error);
                if (r == 0) {
                        r = step->run(data, error);
                }
                log_debug(&runtime->log, "%s: %s", step->name, r < 0 ? "failed" : "done");
        }
        return r;
}

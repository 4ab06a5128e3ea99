/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/diagnosis/diagnosis.h"

#include "base/error.h"
#include "criu/criu.h"

/* Few need it: that it is missing is no fault of a host. */
int examine_checkpoints(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *version = NULL;
        int r = criu_check(&version, &error);

        if (r == -ENOENT) {
                return diagnosis_say(ret, DIAGNOSIS_GOOD,
                                     "CRIU, with which \"checkpoint\" writes machines down, is not "
                                     "installed");
        }
        if (r < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_WARNING, &error);
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "running machines can be written down by CRIU %s",
                             version);
}

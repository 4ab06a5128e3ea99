/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether the signatures of images are judged at all. */

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/rights/places.h"
#include "cli/diagnosis/diagnosis.h"

#define POLICY_HOME ".config/containers/policy.json"
#define POLICY_HOST "/etc/containers/policy.json"

/* Podman refuses to run without a policy, which its package brings; here most hosts have none. */
int examine_signatures(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *home = NULL;
        const char *found;

        (void)cli;
        if (places_home(POLICY_HOME, &home, &error) < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_WARNING, &error);
        }
        found = access(home, F_OK) == 0          ? home
                : access(POLICY_HOST, F_OK) == 0 ? POLICY_HOST
                                                 : NULL;
        return found ? diagnosis_say(ret, DIAGNOSIS_GOOD, "images are accepted as %s says", found)
                     : diagnosis_say(ret, DIAGNOSIS_GOOD,
                                     "images are accepted with any signature or none: there is "
                                     "no " POLICY_HOST ", see containers-policy.json(5)");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/trust/trust.h"

#include "base/error.h"
#include "base/json.h"
#include "image/trust/policy.h"
#include "image/trust/requirement.h"

static int judge(const json_t *requirements, const struct trust_subject *subject,
                 struct machine_error *error)
{
        _cleanup_signatures_ struct signatures signatures = { 0 };
        const json_t *requirement;
        size_t i;
        int r = 0;

        json_array_foreach(requirements, i, requirement)
        {
                r = r == 0 ? requirement_judge(requirement, subject, &signatures, error) : r;
        }
        return r;
}

int trust_check(const struct trust_subject *subject, struct machine_error *error)
{
        _cleanup_free_ char *path = NULL, *scope = NULL;
        _cleanup_json_ json_t *policy = NULL;
        const json_t *requirements;
        int r = policy_read(&policy, &path, error);

        if (r < 0 || !policy) {
                return r;
        }
        requirements = policy_choose(policy, subject, &scope);
        if (!requirements) {
                return error_oom(error);
        }
        r = judge(requirements, subject, error);
        if (r == -EKEYREJECTED) {
                error_prefix(error, "the signature policy does not accept the image");
                error_hint(error, "the policy is \"%s\" in %s", scope, path);
        }
        return r;
}

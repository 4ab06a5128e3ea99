/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "image/reference.h"
#include "image/trust/identity.h"
#include "image/trust/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every image has requirements in an accepted policy, whatever it says. */
static void choose(const json_t *policy, const struct trust_subject *subject)
{
        _cleanup_free_ char *scope = NULL;
        const json_t *requirements = policy_choose(policy, subject, &scope), *requirement;
        size_t i;

        if (!scope || json_array_size(requirements) == 0) {
                abort();
        }
        json_array_foreach(requirements, i, requirement)
        {
                if (!json_get_string(requirement, "type")) {
                        abort();
                }
                /* Identities were checked; a name that cannot be parsed matches none. */
                if (identity_matches(json_object_get(requirement, "signedIdentity"), subject,
                                     "Not/A:name@")) {
                        abort();
                }
                (void)identity_matches(json_object_get(requirement, "signedIdentity"), subject,
                                       "docker.io/library/nginx:1");
        }
}

/* The signature policy of a host. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = { "nginx:1", "registry.example.org:5000/a/b/c:2" };
        const struct trust_subject archive = { .transport = "oci-archive", .path = "/srv/a/b.tar" };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_json_ json_t *policy = NULL;

        if (policy_parse((const char *)data, size, "policy.json", &policy, &error) < 0) {
                /* Whatever is refused is explained. */
                if (policy || !error_is_set(&error)) {
                        abort();
                }
                return 0;
        }
        choose(policy, &archive);
        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                _cleanup_image_reference_ struct image_reference reference = IMAGE_REFERENCE_INIT;
                const struct trust_subject subject = { .transport = "docker",
                                                       .reference = &reference };

                if (image_reference_parse(names[i], &reference, NULL) < 0) {
                        abort();
                }
                choose(policy, &subject);
        }
        return 0;
}

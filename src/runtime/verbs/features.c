/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/bundle/bundle.h"
#include "runtime/common/runtime.h"
#include "security/capabilities/capabilities.h"
#include "security/seccomp/profile/profile.h"

/* Those that a bundle can name, whatever this host's kernel has. */
static int list_capabilities(char ***ret)
{
        for (int i = 0; i < 64; i++) {
                char name[32];

                capability_name(i, name);
                if (capability_parse(name) == i && strv_append(ret, name) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        _cleanup_strv_ char **capabilities = NULL, **actions = NULL, **operators = NULL,
                            **architectures = NULL, **flags = NULL;
        _cleanup_free_ char *text = NULL;

        if (list_capabilities(&capabilities) == 0 &&
            seccomp_oci_list(SECCOMP_OCI_ACTIONS, &actions) == 0 &&
            seccomp_oci_list(SECCOMP_OCI_OPERATORS, &operators) == 0 &&
            seccomp_oci_list(SECCOMP_OCI_ARCHITECTURES, &architectures) == 0 &&
            seccomp_oci_list(SECCOMP_OCI_FLAGS, &flags) == 0) {
                const struct oci_feature_lists lists = {
                        .capabilities = capabilities,
                        .seccomp_actions = actions,
                        .seccomp_operators = operators,
                        .seccomp_architectures = architectures,
                        .seccomp_flags = flags,
                };

                text = oci_features(&lists);
        }
        if (!text) {
                return error_oom(error);
        }
        puts(text);
        return 0;
}

const struct verb verb_features = {
        .name = "features",
        .arguments = "",
        .stateless = true,
        .summary = "Print what of the runtime specification is supported, as JSON",
        .run = run,
};

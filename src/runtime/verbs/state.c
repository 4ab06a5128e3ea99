/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/error.h"
#include "runtime/common/container.h"

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_oci_bundle_ struct oci_bundle configuration = { 0 };
        _cleanup_free_ char *text = NULL;
        struct oci_state state;
        int r = container_open(runtime, arguments->rest[0], false, &container, error);

        if (r == 0) {
                r = container_configuration(&container, &configuration, error);
        }
        if (r < 0) {
                return r;
        }
        state = container_state(&container, &configuration);
        text = oci_state_write(&state, 2);
        if (!text) {
                return error_oom(error);
        }
        puts(text);
        return 0;
}

const struct verb verb_state = {
        .name = "state",
        .arguments = "ID",
        .summary = "Print the state of a container as JSON",
        .minimum = 1,
        .maximum = 1,
        .run = run,
};

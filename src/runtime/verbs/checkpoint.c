/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/error.h"
#include "runtime/common/runtime.h"

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        error_say(error, ENOTSUP,
                  "containers cannot be checkpointed or restored: this runtime does not use CRIU");
        return error_kind(error, MACHINE_ERROR_USAGE);
}

/* Whatever options come with it. */
const struct verb verb_checkpoint = {
        .name = "checkpoint",
        .arguments = "",
        .summary = "Not supported",
        .maximum = SIZE_MAX,
        .any = true,
        .stateless = true,
        .run = run,
};

const struct verb verb_restore = {
        .name = "restore",
        .arguments = "",
        .summary = "Not supported",
        .maximum = SIZE_MAX,
        .any = true,
        .stateless = true,
        .run = run,
};

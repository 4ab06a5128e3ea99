/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "runtime/common/life.h"

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        return life_start(runtime, arguments->rest[0], NULL, error);
}

const struct verb verb_start = {
        .name = "start",
        .arguments = "ID",
        .summary = "Run the program of a container that was created",
        .minimum = 1,
        .maximum = 1,
        .run = run,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/life.h"

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        return life_delete(runtime, arguments->rest[0], arguments_has(arguments, ARGUMENT_FORCE),
                           error);
}

const struct verb verb_delete = {
        .name = "delete",
        .arguments = "ID",
        .summary = "Remove a container that has ended",
        .options = ARGUMENT_BIT(ARGUMENT_FORCE),
        .minimum = 1,
        .maximum = 1,
        .run = run,
};

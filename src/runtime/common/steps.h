/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_STEPS_H
#define RUNTIME_COMMON_STEPS_H

#include "runtime/common/runtime.h"

/** A part of what a verb does with a container. Its name begins with that of the verb. */
struct step {
        const char *name;
        int (*run)(void *data, struct machine_error *error);
};

/** Runs steps, up to one without a name, until one fails. --debug reports each, and a build with
 * faults to inject fails, hangs or dies before it. 0 or -errno with error set. */
int steps_run(const struct runtime *runtime, const struct step *steps, void *data,
              struct machine_error *error);

#endif

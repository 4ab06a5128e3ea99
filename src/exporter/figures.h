/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXPORTER_FIGURES_H
#define EXPORTER_FIGURES_H

#include <machine/error.h>

#include "survey/survey.h"

/** What is shown of all machines at one moment. */
struct figures {
        struct survey survey;
        uint64_t taken; /* log_now() when it was complete; 0: never */
        uint64_t took;  /* microseconds */
};

void figures_clear(struct figures *figures);
#define _cleanup_figures_ _cleanup_(figures_clear)

/** Takes the figures of all machines of a runtime directory. There are none if the directory does
 * not exist yet; nothing is created. Returns 0 or -errno with error set. */
int figures_take(const char *runtime_directory, struct figures *ret, struct machine_error *error);

/** The same if the figures are older than `age` microseconds, and else keeps them. */
int figures_refresh(const char *runtime_directory, uint64_t age, struct figures *figures,
                    struct machine_error *error);

#endif

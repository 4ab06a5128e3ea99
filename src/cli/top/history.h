/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_TOP_HISTORY_H
#define CLI_TOP_HISTORY_H

#include "cli/output/spark.h"
#include "survey/survey.h"

/** The last figures of a machine, the newest at the end. */
struct history {
        char *name;
        double cpu[SPARK_WIDTH], memory[SPARK_WIDTH];
        size_t count;
        bool is_current; /* there was a figure in the last round */
};

struct histories {
        struct history *entries;
        size_t count;
};

void histories_clear(struct histories *histories);

/** Adds a round: machines that are not in it are forgotten. Returns 0 or -ENOMEM. */
int histories_add(struct histories *histories, const struct survey *now,
                  const struct survey *before);

/** The history of a machine, or NULL. */
const struct history *histories_find(const struct histories *histories, const char *name);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include <jansson.h>

#include "cgroup/usage.h"
#include "cli/table.h"

/** The usage of a machine as an object for scripts. NULL when memory is short. */
json_t *usage_json(const char *name, const struct cgroup_usage *usage);

/** One machine at one moment. */
struct stats_sample {
        char *name;
        uint64_t time; /* log_now() */
        struct cgroup_usage usage;
};

/** The headings of the table of usage, ends with NULL. */
extern const char *const usage_headings[];

/** Adds a machine's row to a table with these headings. before is an earlier sample of the same
 *  machine, or NULL: then nothing that is a rate can be told. cpus is how many the host has. 0 or
 *  -ENOMEM. */
int usage_add_row(struct table *table, const struct stats_sample *sample,
                  const struct stats_sample *before, unsigned int cpus, bool utf8);

#endif

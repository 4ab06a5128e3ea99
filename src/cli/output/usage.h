/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_USAGE_H
#define CLI_OUTPUT_USAGE_H

#include <jansson.h>

#include "cli/output/table.h"
#include "survey/survey.h"

/** Returns the usage of a machine as a JSON object, or NULL if out of memory. */
json_t *usage_json(const char *name, const struct cgroup_usage *usage);

/** The headings of the usage table, terminated by NULL. */
extern const char *const usage_headings[];

/** Adds the row of a machine to the usage table. before is an earlier sample of the same machine,
 * or NULL, and then rates are omitted. cpus is the number of CPUs of the host. Returns 0 or
 * -ENOMEM. */
int usage_add_row(struct table *table, const struct survey_machine *sample,
                  const struct survey_machine *before, unsigned int cpus, bool utf8);

#endif

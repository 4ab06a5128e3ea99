/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXPORTER_FAMILIES_H
#define EXPORTER_FAMILIES_H

#include <stdint.h>

#include "survey/survey.h"

/* What is exported of each machine. Names are those of cAdvisor where it has the same figure, with
 * the machine's name as the only label, so that the number of series only depends on that of
 * machines. */

enum family_kind {
        FAMILY_GAUGE,
        FAMILY_COUNTER, /* samples end in _total */
        FAMILY_INFO,    /* samples end in _info, and are always 1 */
};

/** A family of metrics. */
struct family {
        const char *name; /* without _total and _info */
        const char *unit; /* which the name ends in, or NULL */
        enum family_kind kind;
        const char *help;
        size_t offset;  /* of the value in struct cgroup_usage, without `value` */
        uint64_t scale; /* what the value is divided by; 0: 1 */
        /** The value, or MACHINE_UNSET. */
        uint64_t (*value)(const struct survey_machine *machine);
        /** Further labels, with a sample only if there are any: their names, up to FAMILY_LABELS,
         * and their values; NULL is "". Returns whether there is a sample. */
        const char *label_names[4];
        bool (*labels)(const struct survey_machine *machine, const char *values[4]);
};

#define FAMILY_LABELS 4

/** Terminated by a family without a name. */
extern const struct family machine_families[];

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SURVEY_SURVEY_H
#define SURVEY_SURVEY_H

#include "cgroup/usage/usage.h"
#include "state/health.h"
#include "state/store.h"

/* What is known of machines at one moment: records, health and usage. Reading changes nothing, and
 * needs no rights beyond those to read the records. */

struct survey_machine {
        uint64_t time; /* log_now(), for rates */
        struct machine_record record;
        struct machine_health health;
        bool has_health; /* it runs, and has health checks */
        struct cgroup_usage usage;
};

struct survey {
        struct survey_machine *machines; /* in the order in which they were added */
        size_t count;
        size_t unreadable; /* records that are damaged, or of a newer version */
};

void survey_clear(struct survey *survey);
#define _cleanup_survey_ _cleanup_(survey_clear)

/** Adds a machine and takes its record, which is empty afterwards, also on failure. Of one that
 * does not run, or has no control group, no usage is known. Returns 0, -ENOMEM, or another -errno
 * with error set if its control group cannot be read: usually because it has just ended. */
int survey_add(struct survey *survey, const struct state_store *store,
               struct machine_record *record, struct machine_error *error);

/** Adds all machines that have a record, sorted by name; those that have just ended without their
 * usage. Returns 0 or -errno with error set. */
int survey_add_all(struct survey *survey, const struct state_store *store,
                   struct machine_error *error);

/** Finds a machine by its name. NULL if there is none. */
const struct survey_machine *survey_find(const struct survey *survey, const char *name);

/** Whether a number of a usage is known and not "unlimited". */
bool survey_is_number(uint64_t value);

/** The growth per second of a counter of two usages of a machine, 0 if it is not known. `counter`
 * is its offset in struct cgroup_usage. */
double survey_rate(const struct survey_machine *now, const struct survey_machine *before,
                   size_t counter);

/** How many CPUs a machine used since `before`: 1 is all of one. */
double survey_cpu_share(const struct survey_machine *now, const struct survey_machine *before);

/** How many CPUs it may use of those that the host has. */
double survey_cpu_limit(const struct survey_machine *machine, unsigned int cpus);

#endif

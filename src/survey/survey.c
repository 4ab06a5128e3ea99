/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "survey/survey.h"

#include <stddef.h>
#include <unistd.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/log.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cgroup/tree/tree.h"

static void clear_machine(struct survey_machine *machine)
{
        machine_record_clear(&machine->record);
        machine_health_clear(&machine->health);
}
#define _cleanup_machine_ _cleanup_(clear_machine)

void survey_clear(struct survey *survey)
{
        for (size_t i = 0; i < survey->count; i++) {
                clear_machine(&survey->machines[i]);
        }
        free(survey->machines);
        *survey = (struct survey){ 0 };
}

/* A pod with limits uses what its members use. */
static int open_group(const struct machine_record *record, struct cgroup *ret,
                      struct machine_error *error)
{
        _cleanup_free_ char *members =
                machine_record_is_pod(record) ? machine_record_limited_group(record) : NULL;

        return cgroup_open(members && access(members, F_OK) == 0 ? members : record->cgroup, ret,
                           error);
}

static int read_usage(struct survey_machine *machine, struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        bool live = machine_state_is_live(machine->record.state);
        int r = 0;

        if (live && machine->record.cgroup) {
                r = open_group(&machine->record, &group, error);
        }
        machine->time = log_now();
        return r < 0 ? r : cgroup_read_usage(&group, &machine->usage, error);
}

static int keep(struct survey *survey, struct survey_machine *machine)
{
        struct survey_machine *grown =
                reallocarray(survey->machines, survey->count + 1, sizeof *grown);

        if (!grown) {
                return -ENOMEM;
        }
        survey->machines = grown;
        grown[survey->count++] = *machine;
        *machine = (struct survey_machine){ 0 };
        return 0;
}

/* With `lenient` a machine whose control group cannot be read is kept, and nothing known of its
 * usage. */
static int add(struct survey *survey, const struct state_store *store,
               struct machine_record *record, bool lenient, struct machine_error *error)
{
        static const struct cgroup none = CGROUP_INIT;
        _cleanup_machine_ struct survey_machine machine = { .record = *record };
        int r;

        *record = (struct machine_record){ 0 };
        r = read_usage(&machine, error);
        if (r < 0 && r != -ENOMEM && lenient) {
                machine_error_clear(error);
                r = cgroup_read_usage(&none, &machine.usage, error);
        }
        if (r < 0) {
                return r;
        }
        machine.has_health = machine_state_is_live(machine.record.state) &&
                             state_load_health(store, machine.record.name, &machine.health) == 0;
        return keep(survey, &machine) < 0 ? error_oom(error) : 0;
}

int survey_add(struct survey *survey, const struct state_store *store,
               struct machine_record *record, struct machine_error *error)
{
        return add(survey, store, record, false, error);
}

int survey_add_all(struct survey *survey, const struct state_store *store,
                   struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = state_list(store, &names, error);

        for (size_t i = 0; r == 0 && names && names[i]; i++) {
                struct machine_record record = { 0 };

                r = state_query(store, names[i], &record, error);
                if (r == 0) {
                        r = add(survey, store, &record, true, error);
                } else if (r != -ENOMEM) {
                        /* -ENOENT: deleted since the directory was read. */
                        survey->unreadable += r != -ENOENT;
                        machine_error_clear(error);
                        r = 0;
                }
        }
        return r;
}

const struct survey_machine *survey_find(const struct survey *survey, const char *name)
{
        for (size_t i = 0; i < survey->count; i++) {
                if (strcmp(survey->machines[i].record.name, name) == 0) {
                        return &survey->machines[i];
                }
        }
        return NULL;
}

bool survey_is_number(uint64_t value)
{
        return value != MACHINE_UNSET && value != MACHINE_UNLIMITED;
}

static uint64_t counter_of(const struct survey_machine *machine, size_t counter)
{
        return *(const uint64_t *)((const char *)&machine->usage + counter);
}

double survey_rate(const struct survey_machine *now, const struct survey_machine *before,
                   size_t counter)
{
        uint64_t last = counter_of(now, counter);
        uint64_t first = before ? counter_of(before, counter) : MACHINE_UNSET;

        /* Less than before: it has started again. */
        return survey_is_number(last) && survey_is_number(first) && last >= first &&
                               now->time > before->time
                       ? (double)(last - first) * (double)USEC_PER_SEC /
                                 (double)(now->time - before->time)
                       : 0;
}

double survey_cpu_share(const struct survey_machine *now, const struct survey_machine *before)
{
        return survey_rate(now, before, offsetof(struct cgroup_usage, cpu)) / (double)USEC_PER_SEC;
}

double survey_cpu_limit(const struct survey_machine *machine, unsigned int cpus)
{
        const struct cgroup_usage *usage = &machine->usage;
        double limit = cpus;

        if (survey_is_number(usage->cpu_quota) && survey_is_number(usage->cpu_period) &&
            usage->cpu_period) {
                limit = (double)usage->cpu_quota / (double)usage->cpu_period;
        }
        return limit < cpus ? limit : cpus;
}

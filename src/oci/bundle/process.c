/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "process": config.md, "Process". */

#include <errno.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

/* Not in every C library's headers: linux/sched.h. */
#define SCHEDULER_ISO 4

/* ---- terminal ---- */

static int take_terminal(struct oci_reader *reader, const json_t *value)
{
        reader->machine->process.terminal =
                json_is_true(value) ? MACHINE_CHOICE_YES : MACHINE_CHOICE_NO;
        return 0;
}

static int take_size(struct oci_reader *reader, const json_t *value, uint16_t *place)
{
        int64_t size;
        int r = oci_take_number(reader, value, 0, UINT16_MAX, &size);

        if (r == 0) {
                *place = (uint16_t)size;
        }
        return r;
}

static int take_height(struct oci_reader *reader, const json_t *value)
{
        return take_size(reader, value, &reader->machine->process.terminal_rows);
}

static int take_width(struct oci_reader *reader, const json_t *value)
{
        return take_size(reader, value, &reader->machine->process.terminal_columns);
}

static const struct oci_field console_size_fields[] = {
        { "height", OCI_INTEGER, true, take_height },
        { "width", OCI_INTEGER, true, take_width },
        { 0 },
};

/* ---- the program ---- */

static int take_args(struct oci_reader *reader, const json_t *value)
{
        if (json_array_size(value) == 0) {
                return oci_wrong(reader, "this needs at least the program");
        }
        if (!*json_string_value(json_array_get(value, 0))) {
                return oci_wrong(reader, "the program's name is empty");
        }
        return oci_take_strings(reader, value, &reader->machine->process.command);
}

static int take_env(struct oci_reader *reader, const json_t *value)
{
        return oci_take_strings(reader, value, &reader->machine->process.environment);
}

static int take_cwd(struct oci_reader *reader, const json_t *value)
{
        const char *path = json_string_value(value);

        if (path[0] != '/') {
                return oci_wrong(reader, "\"%s\" is not an absolute path", path);
        }
        return oci_take_string(reader, value, &reader->machine->process.working_directory);
}

/* ---- user ---- */

static int take_uid(struct oci_reader *reader, const json_t *value)
{
        return oci_take_id(reader, value, &reader->machine->process.identity.uid);
}

static int take_gid(struct oci_reader *reader, const json_t *value)
{
        return oci_take_id(reader, value, &reader->machine->process.identity.gid);
}

static int take_umask(struct oci_reader *reader, const json_t *value)
{
        int64_t mask;
        int r = oci_take_number(reader, value, 0, 0777, &mask);

        if (r == 0) {
                reader->machine->process.umask = (uint32_t)mask;
                reader->machine->process.umask_set = true;
        }
        return r;
}

static int take_groups(struct oci_reader *reader, const json_t *value)
{
        struct machine_identity *identity = &reader->machine->process.identity;
        size_t index;
        json_t *element;

        json_array_foreach(value, index, element)
        {
                uint32_t *group =
                        oci_grow(reader, &identity->groups, &identity->group_count, sizeof *group);
                int r = group ? oci_take_id(reader, element, group) : -ENOMEM;

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int begin_user(struct oci_reader *reader, const json_t *value)
{
        reader->machine->process.identity.set = true;
        return 0;
}

static const struct oci_field user_fields[] = {
        { "uid", OCI_INTEGER, true, take_uid },
        { "gid", OCI_INTEGER, true, take_gid },
        { "umask", OCI_INTEGER, false, take_umask },
        { "additionalGids", OCI_INTEGERS, false, take_groups },
        { 0 },
};

/* ---- capabilities ---- */

#define CAPABILITY_SET(name, set)                                                           \
        static int take_##name(struct oci_reader *reader, const json_t *value)              \
        {                                                                                   \
                return oci_take_strings(reader, value,                                      \
                                        &reader->machine->security.capabilities.sets[set]); \
        }

CAPABILITY_SET(bounding, MACHINE_CAPABILITY_BOUNDING)
CAPABILITY_SET(effective, MACHINE_CAPABILITY_EFFECTIVE)
CAPABILITY_SET(inheritable, MACHINE_CAPABILITY_INHERITABLE)
CAPABILITY_SET(permitted, MACHINE_CAPABILITY_PERMITTED)
CAPABILITY_SET(ambient, MACHINE_CAPABILITY_AMBIENT)

static const struct oci_field capabilities_fields[] = {
        { "bounding", OCI_STRINGS, false, take_bounding },
        { "effective", OCI_STRINGS, false, take_effective },
        { "inheritable", OCI_STRINGS, false, take_inheritable },
        { "permitted", OCI_STRINGS, false, take_permitted },
        { "ambient", OCI_STRINGS, false, take_ambient },
        { 0 },
};

/* ---- resource limits ---- */

static int take_resource(struct oci_reader *reader, const json_t *value)
{
        size_t resource;
        struct machine_resource_limit *limit;
        int r = oci_take_word(reader, value, process_limit_names, MACHINE_RESOURCE_LIMITS,
                              &resource);

        if (r < 0) {
                return r;
        }
        limit = &reader->machine->limits.resources[resource];
        if (limit->set) {
                return oci_wrong(reader, "%s is here for the second time",
                                 process_limit_names[resource]);
        }
        limit->set = true;
        reader->item = limit;
        return 0;
}

static int take_limit(struct oci_reader *reader, const json_t *value, uint64_t *place)
{
        if (json_to_number(value, place) < 0) {
                return oci_wrong(reader, "this must not be negative");
        }
        if (*place == UINT64_MAX) {
                *place = MACHINE_UNLIMITED;
        }
        return 0;
}

static int take_soft(struct oci_reader *reader, const json_t *value)
{
        return take_limit(reader, value, &((struct machine_resource_limit *)reader->item)->soft);
}

static int take_hard(struct oci_reader *reader, const json_t *value)
{
        return take_limit(reader, value, &((struct machine_resource_limit *)reader->item)->hard);
}

static int finish_limit(struct oci_reader *reader, const json_t *value)
{
        const struct machine_resource_limit *limit = reader->item;

        return limit->soft > limit->hard
                       ? oci_wrong_member(reader, "soft", "this is more than the hard limit")
                       : 0;
}

static const struct oci_field rlimits_fields[] = {
        { "type", OCI_STRING, true, take_resource },
        { "soft", OCI_INTEGER, true, take_soft },
        { "hard", OCI_INTEGER, true, take_hard },
        { 0 },
};

/* ---- scheduler ---- */

static const char *const policies[] = {
        [SCHED_NORMAL] = "SCHED_OTHER",
        [SCHED_FIFO] = "SCHED_FIFO",
        [SCHED_RR] = "SCHED_RR",
        [SCHED_BATCH] = "SCHED_BATCH",
        [SCHEDULER_ISO] = "SCHED_ISO",
        [SCHED_IDLE] = "SCHED_IDLE",
        [SCHED_DEADLINE] = "SCHED_DEADLINE",
};

static int take_policy(struct oci_reader *reader, const json_t *value)
{
        size_t policy;
        int r = oci_take_word(reader, value, policies, ELEMENTS_OF(policies), &policy);

        if (r == 0 && policy == SCHEDULER_ISO) {
                r = oci_wrong(reader, "Linux reserves the name SCHED_ISO and has no such policy");
        }
        if (r == 0) {
                reader->machine->limits.scheduler.policy = (uint32_t)policy;
                reader->machine->limits.scheduler.set = true;
        }
        return r;
}

static int take_nice(struct oci_reader *reader, const json_t *value)
{
        int64_t nice;
        int r = oci_take_number(reader, value, -20, 19, &nice);

        if (r == 0) {
                reader->machine->limits.scheduler.nice = (int32_t)nice;
        }
        return r;
}

static int take_priority(struct oci_reader *reader, const json_t *value)
{
        int64_t priority;
        int r = oci_take_number(reader, value, 0, 99, &priority);

        if (r == 0) {
                reader->machine->limits.scheduler.priority = (uint32_t)priority;
        }
        return r;
}

static const char *const scheduler_flags[] = {
        "SCHED_FLAG_RESET_ON_FORK",  "SCHED_FLAG_RECLAIM",     "SCHED_FLAG_DL_OVERRUN",
        "SCHED_FLAG_KEEP_POLICY",    "SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN",
        "SCHED_FLAG_UTIL_CLAMP_MAX",
};

/* The specification has the two flags about utilization, but no field for their values: with them
 * the kernel would clamp to 0. */
static int take_scheduler_flags(struct oci_reader *reader, const json_t *value)
{
        size_t index, flag;
        json_t *element;

        json_array_foreach(value, index, element)
        {
                int r = oci_take_word(reader, element, scheduler_flags,
                                      ELEMENTS_OF(scheduler_flags), &flag);

                if (r < 0) {
                        return r;
                }
                if ((1U << flag) & (SCHED_FLAG_UTIL_CLAMP_MIN | SCHED_FLAG_UTIL_CLAMP_MAX)) {
                        return oci_wrong(reader,
                                         "%s is not supported: the specification has no field for "
                                         "the value",
                                         scheduler_flags[flag]);
                }
                reader->machine->limits.scheduler.flags |= UINT64_C(1) << flag;
        }
        return 0;
}

static int take_time(struct oci_reader *reader, const json_t *value, uint64_t *place)
{
        int64_t time;
        int r = oci_take_number(reader, value, 0, INT64_MAX, &time);

        if (r == 0) {
                *place = (uint64_t)time;
        }
        return r;
}

static int take_runtime(struct oci_reader *reader, const json_t *value)
{
        return take_time(reader, value, &reader->machine->limits.scheduler.runtime);
}

static int take_deadline(struct oci_reader *reader, const json_t *value)
{
        return take_time(reader, value, &reader->machine->limits.scheduler.deadline);
}

static int take_period(struct oci_reader *reader, const json_t *value)
{
        return take_time(reader, value, &reader->machine->limits.scheduler.period);
}

/* Fields of other policies than the one set would have no effect. */
static int finish_scheduler(struct oci_reader *reader, const json_t *value)
{
        const struct machine_scheduler *scheduler = &reader->machine->limits.scheduler;
        bool fair = scheduler->policy == SCHED_NORMAL || scheduler->policy == SCHED_BATCH;
        bool fixed = scheduler->policy == SCHED_FIFO || scheduler->policy == SCHED_RR;
        bool deadline = scheduler->policy == SCHED_DEADLINE;

        if (scheduler->priority > 0 && !fixed) {
                return oci_wrong_member(reader, "priority", "%s has no priority",
                                        policies[scheduler->policy]);
        }
        if (scheduler->priority == 0 && fixed) {
                return oci_wrong_member(reader, "priority", "%s needs a priority of 1 to 99",
                                        policies[scheduler->policy]);
        }
        if (scheduler->nice != 0 && !fair) {
                return oci_wrong_member(reader, "nice", "%s has no nice value",
                                        policies[scheduler->policy]);
        }
        if (!deadline && (scheduler->runtime || scheduler->deadline || scheduler->period)) {
                return oci_wrong(reader, "only SCHED_DEADLINE has a runtime, deadline and period");
        }
        return 0;
}

static const struct oci_field scheduler_fields[] = {
        { "policy", OCI_STRING, true, take_policy },
        { "nice", OCI_INTEGER, false, take_nice },
        { "priority", OCI_INTEGER, false, take_priority },
        { "flags", OCI_STRINGS, false, take_scheduler_flags },
        { "runtime", OCI_INTEGER, false, take_runtime },
        { "deadline", OCI_INTEGER, false, take_deadline },
        { "period", OCI_INTEGER, false, take_period },
        { 0 },
};

/* ---- I/O priority ---- */

static const char *const io_classes[] = {
        [1] = "IOPRIO_CLASS_RT",
        [2] = "IOPRIO_CLASS_BE",
        [3] = "IOPRIO_CLASS_IDLE",
};

static int take_io_class(struct oci_reader *reader, const json_t *value)
{
        size_t class;
        int r = oci_take_word(reader, value, io_classes, ELEMENTS_OF(io_classes), &class);

        if (r == 0) {
                reader->machine->limits.io_priority.set = true;
                reader->machine->limits.io_priority.kind = (int)class;
        }
        return r;
}

static int take_io_level(struct oci_reader *reader, const json_t *value)
{
        int64_t level;
        int r = oci_take_number(reader, value, 0, 7, &level);

        if (r == 0) {
                reader->machine->limits.io_priority.level = (int)level;
        }
        return r;
}

static const struct oci_field io_priority_fields[] = {
        { "class", OCI_STRING, true, take_io_class },
        { "priority", OCI_INTEGER, true, take_io_level },
        { 0 },
};

/* ---- the rest ---- */

#define PROCESSORS_MAXIMUM 8192

static int take_cpus_before(struct oci_reader *reader, const json_t *value)
{
        return oci_take_set(reader, value, PROCESSORS_MAXIMUM,
                            &reader->machine->process.exec_cpus_before);
}

static int take_cpus(struct oci_reader *reader, const json_t *value)
{
        return oci_take_set(reader, value, PROCESSORS_MAXIMUM, &reader->machine->process.exec_cpus);
}

static const struct oci_field affinity_fields[] = {
        { "initial", OCI_STRING, false, take_cpus_before },
        { "final", OCI_STRING, false, take_cpus },
        { 0 },
};

static int take_no_new_privileges(struct oci_reader *reader, const json_t *value)
{
        reader->machine->security.no_new_privileges = json_is_true(value);
        return 0;
}

static int take_oom_score(struct oci_reader *reader, const json_t *value)
{
        int64_t score;
        int r = oci_take_number(reader, value, -1000, 1000, &score);

        if (r == 0) {
                reader->machine->limits.oom_score_adjust = (int)score;
                reader->machine->limits.oom_score_adjust_set = true;
        }
        return r;
}

/* "" is not set; "unconfined" is what every process has that no profile was given to. */
static int take_apparmor(struct oci_reader *reader, const json_t *value)
{
        return *json_string_value(value)
                       ? oci_take_string(reader, value, &reader->machine->security.apparmor)
                       : 0;
}

static int take_selinux(struct oci_reader *reader, const json_t *value)
{
        return *json_string_value(value)
                       ? oci_take_string(reader, value, &reader->machine->security.selinux)
                       : 0;
}

int oci_finish_process(struct oci_reader *reader, const json_t *value)
{
        struct machine_process *process = &reader->machine->process;

        /* "Runtimes MUST ignore consoleSize if terminal is false or unset." */
        if (process->terminal != MACHINE_CHOICE_YES) {
                process->terminal_rows = process->terminal_columns = 0;
        }
        if (!process->command) {
                return oci_wrong_member(reader, "args", "this is required and missing");
        }
        return 0;
}

const struct oci_field oci_process_fields[] = {
        { "terminal", OCI_BOOLEAN, false, take_terminal },
        { "consoleSize", OCI_OBJECT, false, NULL, console_size_fields },
        { "cwd", OCI_STRING, true, take_cwd },
        { "env", OCI_STRINGS, false, take_env },
        { "args", OCI_STRINGS, false, take_args },
        { "commandLine", OCI_STRING, .refused = "this is for Windows: use args" },
        { "user", OCI_OBJECT, false, begin_user, user_fields },
        { "capabilities", OCI_OBJECT, false, NULL, capabilities_fields },
        { "rlimits", OCI_LIST, false, NULL, rlimits_fields, finish_limit },
        { "noNewPrivileges", OCI_BOOLEAN, false, take_no_new_privileges },
        { "apparmorProfile", OCI_STRING, false, take_apparmor },
        { "selinuxLabel", OCI_STRING, false, take_selinux },
        { "oomScoreAdj", OCI_INTEGER, false, take_oom_score },
        { "scheduler", OCI_OBJECT, false, NULL, scheduler_fields, finish_scheduler },
        { "ioPriority", OCI_OBJECT, false, NULL, io_priority_fields },
        { "execCPUAffinity", OCI_OBJECT, false, NULL, affinity_fields },
        { 0 },
};

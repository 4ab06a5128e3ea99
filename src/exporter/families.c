/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/families.h"

#include <stddef.h>

#include <machine/machine.h>

#define USAGE(field) .offset = offsetof(struct cgroup_usage, field)
#define USEC         1000000

static bool is_live(const struct survey_machine *machine)
{
        return machine_state_is_live(machine->record.state);
}

/* ---- values that are not in struct cgroup_usage ---- */

/* As the kernel does when it has to: what is left when unused pages of files are taken back. */
static uint64_t working_set(const struct survey_machine *machine)
{
        uint64_t used = machine->usage.memory, inactive = machine->usage.memory_inactive_file;

        if (!survey_is_number(used) || !survey_is_number(inactive)) {
                return MACHINE_UNSET;
        }
        return used > inactive ? used - inactive : 0;
}

static uint64_t started(const struct survey_machine *machine)
{
        return is_live(machine) && machine->record.started_usec ? machine->record.started_usec
                                                                : MACHINE_UNSET;
}

static uint64_t stopped(const struct survey_machine *machine)
{
        return !is_live(machine) && machine->record.stopped_usec ? machine->record.stopped_usec
                                                                 : MACHINE_UNSET;
}

static uint64_t restarts(const struct survey_machine *machine)
{
        return machine->record.restarts;
}

static uint64_t exit_code(const struct survey_machine *machine)
{
        return !is_live(machine) && machine->record.exit_status >= 0
                       ? (uint64_t)machine->record.exit_status
                       : MACHINE_UNSET;
}

static uint64_t is_ready(const struct survey_machine *machine)
{
        if (!is_live(machine)) {
                return MACHINE_UNSET;
        }
        return machine->record.state == MACHINE_STATE_RUNNING && !machine->record.awaits_readiness;
}

static uint64_t health_failures(const struct survey_machine *machine)
{
        return machine->has_health ? machine->health.failures : MACHINE_UNSET;
}

static uint64_t health_checked(const struct survey_machine *machine)
{
        return machine->has_health && machine->health.checked_usec ? machine->health.checked_usec
                                                                   : MACHINE_UNSET;
}

/* ---- labels ---- */

static bool describe_machine(const struct survey_machine *machine,
                             const char *values[FAMILY_LABELS])
{
        values[0] = machine->record.image;
        values[1] = machine->record.definition;
        values[2] = machine->record.unit;
        return true;
}

static bool describe_state(const struct survey_machine *machine, const char *values[FAMILY_LABELS])
{
        values[0] = machine_state_name(machine->record.state);
        return true;
}

static bool describe_health(const struct survey_machine *machine, const char *values[FAMILY_LABELS])
{
        if (machine->has_health) {
                values[0] = health_status_name(machine->health.status);
        }
        return machine->has_health;
}

const struct family machine_families[] = {
        { "machinectl_lite_machine", NULL, FAMILY_INFO, "What a machine is made from.",
          .label_names = { "image", "definition", "unit" }, .labels = describe_machine },
        { "machinectl_lite_machine_state", NULL, FAMILY_GAUGE,
          "The state of a machine, as list shows it: always 1.", .label_names = { "state" },
          .labels = describe_state },
        { "machinectl_lite_machine_health", NULL, FAMILY_GAUGE,
          "The health of a running machine that has health checks: always 1.",
          .label_names = { "health" }, .labels = describe_health },
        { "machinectl_lite_machine_health_failures", NULL, FAMILY_GAUGE,
          "Health checks that failed in a row.", .value = health_failures },
        { "machinectl_lite_machine_health_checked_timestamp_seconds", "seconds", FAMILY_GAUGE,
          "When the last health check ended, in seconds since 1970.", .scale = USEC,
          .value = health_checked },
        { "machinectl_lite_machine_ready", NULL, FAMILY_GAUGE,
          "Whether a live machine is running, and ready as its definition says.",
          .value = is_ready },
        { "machinectl_lite_machine_restarts", NULL, FAMILY_COUNTER,
          "Restarts by the restart policy.", .value = restarts },
        { "machinectl_lite_machine_exit_code", NULL, FAMILY_GAUGE,
          "The exit status of a machine that has ended.", .value = exit_code },
        { "machinectl_lite_machine_stopped_timestamp_seconds", "seconds", FAMILY_GAUGE,
          "When a machine ended, in seconds since 1970.", .scale = USEC, .value = stopped },
        { "container_start_time_seconds", "seconds", FAMILY_GAUGE,
          "When a machine started, in seconds since 1970.", .scale = USEC, .value = started },

        { "container_cpu_usage_seconds", "seconds", FAMILY_COUNTER, "CPU time used.", .scale = USEC,
          USAGE(cpu) },
        { "container_cpu_user_seconds", "seconds", FAMILY_COUNTER, "CPU time used in user mode.",
          .scale = USEC, USAGE(cpu_user) },
        { "container_cpu_system_seconds", "seconds", FAMILY_COUNTER, "CPU time used in the kernel.",
          .scale = USEC, USAGE(cpu_system) },
        { "container_cpu_cfs_periods", NULL, FAMILY_COUNTER,
          "Periods of a CPU limit in which the machine wanted to run.", USAGE(cpu_periods) },
        { "container_cpu_cfs_throttled_periods", NULL, FAMILY_COUNTER,
          "Periods in which it was throttled.", USAGE(cpu_throttled_periods) },
        { "container_cpu_cfs_throttled_seconds", "seconds", FAMILY_COUNTER,
          "How long it was throttled.", .scale = USEC, USAGE(cpu_throttled) },
        { "container_spec_cpu_quota", NULL, FAMILY_GAUGE,
          "CPU time allowed in a period, in microseconds. None if there is no limit.",
          USAGE(cpu_quota) },
        { "container_spec_cpu_period", NULL, FAMILY_GAUGE,
          "The period of a CPU limit, in microseconds.", USAGE(cpu_period) },

        { "container_memory_usage_bytes", "bytes", FAMILY_GAUGE,
          "Memory used, with the pages of files.", USAGE(memory) },
        { "container_memory_working_set_bytes", "bytes", FAMILY_GAUGE,
          "Memory used, without pages of files that were not used lately.", .value = working_set },
        { "container_memory_max_usage_bytes", "bytes", FAMILY_GAUGE, "The most memory used so far.",
          USAGE(memory_peak) },
        { "container_memory_rss", NULL, FAMILY_GAUGE, "Anonymous memory, in bytes.",
          USAGE(memory_anonymous) },
        { "container_memory_cache", NULL, FAMILY_GAUGE, "Pages of files, in bytes.",
          USAGE(memory_file) },
        { "container_memory_kernel_usage", NULL, FAMILY_GAUGE, "Memory of the kernel, in bytes.",
          USAGE(memory_kernel) },
        { "container_memory_swap", NULL, FAMILY_GAUGE, "Swap used, in bytes.", USAGE(swap) },
        { "container_spec_memory_limit_bytes", "bytes", FAMILY_GAUGE,
          "The memory limit. None if there is no limit.", USAGE(memory_limit) },
        { "container_spec_memory_swap_limit_bytes", "bytes", FAMILY_GAUGE,
          "The swap limit. None if there is no limit.", USAGE(swap_limit) },
        { "container_oom_events", NULL, FAMILY_COUNTER,
          "Processes that the kernel killed because of the memory limit.", USAGE(oom_kills) },

        { "container_fs_reads_bytes", "bytes", FAMILY_COUNTER, "Bytes read from block devices.",
          USAGE(io_read) },
        { "container_fs_writes_bytes", "bytes", FAMILY_COUNTER, "Bytes written to block devices.",
          USAGE(io_write) },
        { "container_fs_reads", NULL, FAMILY_COUNTER, "Reads from block devices.",
          USAGE(io_read_operations) },
        { "container_fs_writes", NULL, FAMILY_COUNTER, "Writes to block devices.",
          USAGE(io_write_operations) },

        { "container_threads", NULL, FAMILY_GAUGE, "Processes and threads.", USAGE(tasks) },
        { "container_threads_max", NULL, FAMILY_GAUGE,
          "The limit of processes and threads. None if there is no limit.", USAGE(tasks_limit) },

        { "container_pressure_cpu_waiting_seconds", "seconds", FAMILY_COUNTER,
          "Time in which some tasks waited for a CPU.", .scale = USEC,
          USAGE(cpu_pressure.some_total) },
        { "container_pressure_cpu_stalled_seconds", "seconds", FAMILY_COUNTER,
          "Time in which all tasks waited for a CPU.", .scale = USEC,
          USAGE(cpu_pressure.full_total) },
        { "container_pressure_memory_waiting_seconds", "seconds", FAMILY_COUNTER,
          "Time in which some tasks waited for memory.", .scale = USEC,
          USAGE(memory_pressure.some_total) },
        { "container_pressure_memory_stalled_seconds", "seconds", FAMILY_COUNTER,
          "Time in which all tasks waited for memory.", .scale = USEC,
          USAGE(memory_pressure.full_total) },
        { "container_pressure_io_waiting_seconds", "seconds", FAMILY_COUNTER,
          "Time in which some tasks waited for input and output.", .scale = USEC,
          USAGE(io_pressure.some_total) },
        { "container_pressure_io_stalled_seconds", "seconds", FAMILY_COUNTER,
          "Time in which all tasks waited for input and output.", .scale = USEC,
          USAGE(io_pressure.full_total) },
        { 0 },
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/output/usage.h"

#define USAGE(field) offsetof(struct cgroup_usage, field)

/* Part of the interface for scripts. Values are bytes and microseconds. */
static const struct {
        const char *key;
        size_t offset;
} numbers[] = {
        { "memory", USAGE(memory) },
        { "memory_peak", USAGE(memory_peak) },
        { "memory_limit", USAGE(memory_limit) },
        { "memory_high", USAGE(memory_high) },
        { "memory_anonymous", USAGE(memory_anonymous) },
        { "memory_file", USAGE(memory_file) },
        { "memory_inactive_file", USAGE(memory_inactive_file) },
        { "memory_kernel", USAGE(memory_kernel) },
        { "memory_shared", USAGE(memory_shared) },
        { "swap", USAGE(swap) },
        { "swap_limit", USAGE(swap_limit) },
        { "cpu", USAGE(cpu) },
        { "cpu_user", USAGE(cpu_user) },
        { "cpu_system", USAGE(cpu_system) },
        { "cpu_quota", USAGE(cpu_quota) },
        { "cpu_period", USAGE(cpu_period) },
        { "cpu_periods", USAGE(cpu_periods) },
        { "cpu_throttled_periods", USAGE(cpu_throttled_periods) },
        { "cpu_throttled", USAGE(cpu_throttled) },
        { "io_read", USAGE(io_read) },
        { "io_write", USAGE(io_write) },
        { "io_read_operations", USAGE(io_read_operations) },
        { "io_write_operations", USAGE(io_write_operations) },
        { "tasks", USAGE(tasks) },
        { "tasks_peak", USAGE(tasks_peak) },
        { "tasks_limit", USAGE(tasks_limit) },
        { "oom_kills", USAGE(oom_kills) },
};

/* null: not provided by the kernel, or no limit set. */
static json_t *number(uint64_t value)
{
        return value == MACHINE_UNSET || value == MACHINE_UNLIMITED
                       ? json_null()
                       : json_integer((json_int_t)value);
}

/* Converts hundredths to percent, as the kernel writes them. */
static json_t *percent(uint64_t value)
{
        return value == MACHINE_UNSET ? json_null() : json_real((double)value / 100);
}

static json_t *pressure_line(uint64_t average_10, uint64_t average_60, uint64_t total)
{
        return json_pack("{s:o, s:o, s:o}", "avg10", percent(average_10), "avg60",
                         percent(average_60), "total", number(total));
}

static json_t *pressure(const struct cgroup_pressure *value)
{
        return json_pack("{s:o, s:o}", "some",
                         pressure_line(value->some_10, value->some_60, value->some_total), "full",
                         pressure_line(value->full_10, value->full_60, value->full_total));
}

json_t *usage_json(const char *name, const struct cgroup_usage *usage)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || json_set_string(object, "name", name) < 0) {
                return NULL;
        }
        for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
                const uint64_t *value = (const uint64_t *)((const char *)usage + numbers[i].offset);

                if (json_set_value(object, numbers[i].key, number(*value)) < 0) {
                        return NULL;
                }
        }
        if (json_set_value(object, "pressure",
                           json_pack("{s:o, s:o, s:o}", "cpu", pressure(&usage->cpu_pressure),
                                     "memory", pressure(&usage->memory_pressure), "io",
                                     pressure(&usage->io_pressure))) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

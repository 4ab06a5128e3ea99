/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/usage/usage.h"

#include <ctype.h>
#include <fcntl.h>
#include <stddef.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cgroup/tree/flat.h"
#include "cgroup/usage/usage_text.h"

/* io.stat has a line per device, memory.stat about sixty lines. */
#define FILE_MAXIMUM (256 * 1024)

#define USAGE(field)    offsetof(struct cgroup_usage, field)
#define PRESSURE(field) offsetof(struct cgroup_pressure, field)

static uint64_t *place_in(void *object, size_t offset)
{
        return (uint64_t *)((char *)object + offset);
}

static const struct {
        const char *file;
        size_t offset;
} numbers[] = {
        { "memory.current", USAGE(memory) },    { "memory.peak", USAGE(memory_peak) },
        { "memory.max", USAGE(memory_limit) },  { "memory.high", USAGE(memory_high) },
        { "memory.swap.current", USAGE(swap) }, { "memory.swap.max", USAGE(swap_limit) },
        { "pids.current", USAGE(tasks) },       { "pids.peak", USAGE(tasks_peak) },
        { "pids.max", USAGE(tasks_limit) },
};

static const struct {
        const char *file;
        const char *key;
        size_t offset;
} keyed[] = {
        { "memory.stat", "anon", USAGE(memory_anonymous) },
        { "memory.stat", "file", USAGE(memory_file) },
        { "memory.stat", "kernel", USAGE(memory_kernel) },
        { "memory.stat", "shmem", USAGE(memory_shared) },
        { "memory.stat", "inactive_file", USAGE(memory_inactive_file) },
        { "memory.events", "oom_kill", USAGE(oom_kills) },
        { "cpu.stat", "usage_usec", USAGE(cpu) },
        { "cpu.stat", "user_usec", USAGE(cpu_user) },
        { "cpu.stat", "system_usec", USAGE(cpu_system) },
        { "cpu.stat", "nr_periods", USAGE(cpu_periods) },
        { "cpu.stat", "nr_throttled", USAGE(cpu_throttled_periods) },
        { "cpu.stat", "throttled_usec", USAGE(cpu_throttled) },
};

static const struct {
        const char *file;
        size_t offset;
} pressures[] = {
        { "cpu.pressure", USAGE(cpu_pressure) },
        { "memory.pressure", USAGE(memory_pressure) },
        { "io.pressure", USAGE(io_pressure) },
};

/* "1.50" as 150. */
static uint64_t read_hundredths(const char *text)
{
        uint64_t value = strtoull(text, NULL, 10) * 100;
        const char *point = text + strspn(text, "0123456789");

        if (*point == '.' && isdigit((unsigned char)point[1])) {
                value += (uint64_t)(point[1] - '0') * 10;
                if (isdigit((unsigned char)point[2])) {
                        value += (uint64_t)(point[2] - '0');
                }
        }
        return value;
}

void usage_parse_pressure(const char *text, struct cgroup_pressure *ret)
{
        static const struct {
                const char *line;
                const char *key;
                size_t offset;
        } fields[] = {
                { "some ", "avg10=", PRESSURE(some_10) },
                { "some ", "avg60=", PRESSURE(some_60) },
                { "some ", "total=", PRESSURE(some_total) },
                { "full ", "avg10=", PRESSURE(full_10) },
                { "full ", "avg60=", PRESSURE(full_60) },
                { "full ", "total=", PRESSURE(full_total) },
        };

        for (size_t i = 0; i < ELEMENTS_OF(fields); i++) {
                const char *line = strstr(text, fields[i].line);
                const char *value = line ? strstr(line, fields[i].key) : NULL;

                if (!value) {
                        continue;
                }
                value += strlen(fields[i].key);
                *place_in(ret, fields[i].offset) = strcmp(fields[i].key, "total=") == 0
                                                           ? strtoull(value, NULL, 10)
                                                           : read_hundredths(value);
        }
}

void usage_parse_io(const char *text, struct cgroup_usage *usage)
{
        static const struct {
                const char *key;
                size_t offset;
        } fields[] = {
                { "rbytes", USAGE(io_read) },
                { "wbytes", USAGE(io_write) },
                { "rios", USAGE(io_read_operations) },
                { "wios", USAGE(io_write_operations) },
        };

        for (size_t i = 0; i < ELEMENTS_OF(fields); i++) {
                *place_in(usage, fields[i].offset) = 0;
        }
        while (*text) {
                for (size_t i = 0; i < ELEMENTS_OF(fields); i++) {
                        uint64_t value;

                        if (nested_get(text, fields[i].key, &value) == 0) {
                                *place_in(usage, fields[i].offset) += value;
                        }
                }
                text += strcspn(text, "\n");
                text += *text == '\n';
        }
}

void usage_parse_cpu_limit(const char *text, struct cgroup_usage *usage)
{
        char *end;

        if (string_after(text, "max ")) {
                usage->cpu_quota = MACHINE_UNLIMITED;
                usage->cpu_period = strtoull(text + 4, NULL, 10);
        } else if (isdigit((unsigned char)*text)) {
                usage->cpu_quota = strtoull(text, &end, 10);
                usage->cpu_period = strtoull(end, NULL, 10);
        }
}

/* The text of a file of the group, or NULL if the kernel or a missing controller does not provide
 * it. */
static char *read_text(const struct cgroup *group, const char *file)
{
        char *text = NULL;

        return file_read(group->fd, file, FILE_MAXIMUM, &text, NULL) < 0 ? NULL : text;
}

static void read_keyed(const struct cgroup *group, struct cgroup_usage *usage)
{
        _cleanup_free_ char *text = NULL;
        const char *file = "";

        /* Keys of the same file are adjacent in the table. */
        for (size_t i = 0; i < ELEMENTS_OF(keyed); i++) {
                if (strcmp(file, keyed[i].file) != 0) {
                        free(text);
                        file = keyed[i].file;
                        text = read_text(group, file);
                }
                if (text) {
                        (void)flat_get(text, keyed[i].key, place_in(usage, keyed[i].offset));
                }
        }
}

int cgroup_read_usage(const struct cgroup *group, struct cgroup_usage *ret,
                      struct machine_error *error)
{
        struct cgroup_usage usage;
        _cleanup_free_ char *io = NULL;
        _cleanup_free_ char *cpu_limit = NULL;

        if (group->path && faccessat(group->fd, "cgroup.procs", F_OK, 0) < 0) {
                return error_set(error, ENODEV, "the control group %s no longer exists",
                                 group->path);
        }
        for (size_t i = 0; i < sizeof usage / sizeof(uint64_t); i++) {
                *place_in(&usage, i * sizeof(uint64_t)) = MACHINE_UNSET;
        }
        for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
                _cleanup_free_ char *text = read_text(group, numbers[i].file);

                if (text) {
                        (void)value_get(text, place_in(&usage, numbers[i].offset));
                }
        }
        read_keyed(group, &usage);
        for (size_t i = 0; i < ELEMENTS_OF(pressures); i++) {
                _cleanup_free_ char *text = read_text(group, pressures[i].file);

                if (text) {
                        usage_parse_pressure(text, (void *)place_in(&usage, pressures[i].offset));
                }
        }
        io = read_text(group, "io.stat");
        if (io) {
                usage_parse_io(io, &usage);
        }
        cpu_limit = read_text(group, "cpu.max");
        if (cpu_limit) {
                usage_parse_cpu_limit(cpu_limit, &usage);
        }
        *ret = usage;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/usage/usage.h"

#include <ctype.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/tree/flat.h"
#include "cgroup/usage/usage_text.h"

/* io.stat has a line per device, memory.stat about sixty lines. */
#define FILE_MAXIMUM (32 * 1024)

#define USAGE(field)    offsetof(struct cgroup_usage, field)
#define PRESSURE(field) offsetof(struct cgroup_pressure, field)

static uint64_t *place_in(void *object, size_t offset)
{
        return (uint64_t *)((char *)object + offset);
}

static const struct {
        enum cgroup_controller controller; /* without it there is no such file */
        const char *file;
        size_t offset;
} numbers[] = {
        { CGROUP_MEMORY, "memory.current", USAGE(memory) },
        { CGROUP_MEMORY, "memory.peak", USAGE(memory_peak) },
        { CGROUP_MEMORY, "memory.max", USAGE(memory_limit) },
        { CGROUP_MEMORY, "memory.high", USAGE(memory_high) },
        { CGROUP_MEMORY, "memory.swap.current", USAGE(swap) },
        { CGROUP_MEMORY, "memory.swap.max", USAGE(swap_limit) },
        { CGROUP_PIDS, "pids.current", USAGE(tasks) },
        { CGROUP_PIDS, "pids.peak", USAGE(tasks_peak) },
        { CGROUP_PIDS, "pids.max", USAGE(tasks_limit) },
};

static const struct {
        enum cgroup_controller controller; /* 0: in every group */
        const char *file;
        const char *key;
        size_t offset;
} keyed[] = {
        { CGROUP_MEMORY, "memory.stat", "anon", USAGE(memory_anonymous) },
        { CGROUP_MEMORY, "memory.stat", "file", USAGE(memory_file) },
        { CGROUP_MEMORY, "memory.stat", "kernel", USAGE(memory_kernel) },
        { CGROUP_MEMORY, "memory.stat", "shmem", USAGE(memory_shared) },
        { CGROUP_MEMORY, "memory.stat", "inactive_file", USAGE(memory_inactive_file) },
        { CGROUP_MEMORY, "memory.events", "oom_kill", USAGE(oom_kills) },
        { 0, "cpu.stat", "usage_usec", USAGE(cpu) },
        { 0, "cpu.stat", "user_usec", USAGE(cpu_user) },
        { 0, "cpu.stat", "system_usec", USAGE(cpu_system) },
        { 0, "cpu.stat", "nr_periods", USAGE(cpu_periods) },
        { 0, "cpu.stat", "nr_throttled", USAGE(cpu_throttled_periods) },
        { 0, "cpu.stat", "throttled_usec", USAGE(cpu_throttled) },
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

/* The text of a file of the group, or NULL if the kernel does not provide it. One read is enough:
 * the kernel makes the whole text for it (kernfs). Groups are read by the hundred. */
static const char *read_text(const struct cgroup *group, const char *file,
                             char buffer[static FILE_MAXIMUM])
{
        _cleanup_close_ int fd = openat(group->fd, file, O_RDONLY | O_CLOEXEC);
        ssize_t length = fd < 0 ? -1 : read(fd, buffer, FILE_MAXIMUM - 1);

        if (length < 0 || length == FILE_MAXIMUM - 1) {
                return NULL;
        }
        buffer[length] = '\0';
        return buffer;
}

static bool has(const struct cgroup *group, enum cgroup_controller controller)
{
        return !controller || group->controllers & controller;
}

static void read_numbers(const struct cgroup *group, struct cgroup_usage *usage, char *buffer)
{
        for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
                const char *text = has(group, numbers[i].controller)
                                           ? read_text(group, numbers[i].file, buffer)
                                           : NULL;

                if (text) {
                        (void)value_get(text, place_in(usage, numbers[i].offset));
                }
        }
}

static void read_keyed(const struct cgroup *group, struct cgroup_usage *usage, char *buffer)
{
        const char *file = "", *text = NULL;

        /* Keys of the same file are adjacent in the table. */
        for (size_t i = 0; i < ELEMENTS_OF(keyed); i++) {
                if (strcmp(file, keyed[i].file) != 0) {
                        file = keyed[i].file;
                        text = has(group, keyed[i].controller) ? read_text(group, file, buffer)
                                                               : NULL;
                }
                if (text) {
                        (void)flat_get(text, keyed[i].key, place_in(usage, keyed[i].offset));
                }
        }
}

static void read_pressures(const struct cgroup *group, struct cgroup_usage *usage, char *buffer)
{
        for (size_t i = 0; i < ELEMENTS_OF(pressures); i++) {
                const char *text = read_text(group, pressures[i].file, buffer);

                if (text) {
                        usage_parse_pressure(text, (void *)place_in(usage, pressures[i].offset));
                }
        }
}

/* The files whose formats are their own. */
static void read_others(const struct cgroup *group, struct cgroup_usage *usage, char *buffer)
{
        const char *text = has(group, CGROUP_IO) ? read_text(group, "io.stat", buffer) : NULL;

        if (text) {
                usage_parse_io(text, usage);
        }
        text = has(group, CGROUP_CPU) ? read_text(group, "cpu.max", buffer) : NULL;
        if (text) {
                usage_parse_cpu_limit(text, usage);
        }
}

int cgroup_read_usage(const struct cgroup *group, struct cgroup_usage *ret,
                      struct machine_error *error)
{
        struct cgroup_usage usage;
        char buffer[FILE_MAXIMUM];

        if (group->path && faccessat(group->fd, "cgroup.procs", F_OK, 0) < 0) {
                return error_set(error, ENODEV, "the control group %s no longer exists",
                                 group->path);
        }
        for (size_t i = 0; i < sizeof usage / sizeof(uint64_t); i++) {
                *place_in(&usage, i * sizeof(uint64_t)) = MACHINE_UNSET;
        }
        if (group->path) {
                read_numbers(group, &usage, buffer);
                read_keyed(group, &usage, buffer);
                read_pressures(group, &usage, buffer);
                read_others(group, &usage, buffer);
        }
        *ret = usage;
        return 0;
}

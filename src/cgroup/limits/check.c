/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cgroup/limits/block.h"
#include "cgroup/limits/host.h"
#include "cgroup/limits/limits.h"

/* With less than this the kernel kills the first process before it has become the payload. */
#define MEMORY_MINIMUM (UINT64_C(1) << 20)
/* cpu.max: the minimum quota, and the bounds of the period, in microseconds
 * (kernel/sched/core.c). */
#define QUOTA_MINIMUM  UINT64_C(1000)
#define QUOTA_MAXIMUM  (INT64_MAX / 1000)
#define PERIOD_MINIMUM UINT64_C(1000)
#define PERIOD_MAXIMUM UINT64_C(1000000)
#define WEIGHT_MAXIMUM UINT64_C(10000)
/* PID_MAX_LIMIT of 64-bit kernels, the maximum of pids.max. */
#define TASKS_MAXIMUM (UINT64_C(4) << 20)

enum unit {
        UNIT_BYTES,
        UNIT_NUMBER,
};

#define LIMIT(field) offsetof(struct machine_limits, field)

/* A limit that is a single number, and its valid range on any host. */
static const struct range {
        const char *key;
        size_t offset;
        enum unit unit;
        const char *what; /* what is counted, unless the key says it */
        uint64_t minimum;
        uint64_t maximum;
} ranges[] = {
        { "limits.memory", LIMIT(memory), UNIT_BYTES, "", MEMORY_MINIMUM, INT64_MAX },
        { "limits.memory_high", LIMIT(memory_high), UNIT_BYTES, "", MEMORY_MINIMUM, INT64_MAX },
        { "limits.memory_low", LIMIT(memory_low), UNIT_BYTES, "", 0, INT64_MAX },
        { "limits.swap", LIMIT(swap), UNIT_BYTES, "", 0, INT64_MAX },
        { "limits.cpu", LIMIT(cpu_quota), UNIT_NUMBER, " microseconds in each period",
          QUOTA_MINIMUM, QUOTA_MAXIMUM },
        { "limits.cpu", LIMIT(cpu_period), UNIT_NUMBER, " microseconds as the period",
          PERIOD_MINIMUM, PERIOD_MAXIMUM },
        { "limits.cpu_weight", LIMIT(cpu_weight), UNIT_NUMBER, "", 1, WEIGHT_MAXIMUM },
        { "limits.tasks", LIMIT(tasks), UNIT_NUMBER, "", 1, TASKS_MAXIMUM },
        { "limits.io_weight", LIMIT(io_weight), UNIT_NUMBER, "", 1, WEIGHT_MAXIMUM },
};

static uint64_t number_of(const struct machine_limits *limits, size_t offset)
{
        return *(const uint64_t *)((const char *)limits + offset);
}

static bool is_given(uint64_t value)
{
        return value != MACHINE_UNSET && value != MACHINE_UNLIMITED;
}

static void format_number(enum unit unit, uint64_t value, char text[static 32])
{
        if (unit == UNIT_BYTES) {
                quantity_format_size_exact(value, text);
        } else {
                snprintf(text, 32, "%llu", (unsigned long long)value);
        }
}

/* Sets an error about a value in the definition. */
#define definition_error(error, number, ...) \
        (error_say((error), (number), __VA_ARGS__), error_kind((error), MACHINE_ERROR_DEFINITION))

static int check_ranges(const struct machine_limits *limits, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(ranges); i++) {
                const struct range *range = &ranges[i];
                uint64_t value = number_of(limits, range->offset);
                bool low = value < range->minimum;
                char given[32], bound[32];

                if (!is_given(value) || (!low && value <= range->maximum)) {
                        continue;
                }
                format_number(range->unit, value, given);
                format_number(range->unit, low ? range->minimum : range->maximum, bound);
                return definition_error(error, ERANGE, "%s: %s%s is too %s, the %s is %s",
                                        range->key, given, range->what, low ? "small" : "large",
                                        low ? "least" : "most", bound);
        }
        return 0;
}

static int warn(char ***warnings, char *text, struct machine_error *error)
{
        if (!text) {
                return error_oom(error);
        }
        if (!warnings) {
                free(text);
                return 0;
        }
        return strv_take(warnings, text) < 0 ? error_oom(error) : 0;
}

static int check_memory(const struct host_resources *host, const struct machine_limits *limits,
                        char ***warnings, struct machine_error *error)
{
        static const struct {
                const char *key;
                size_t offset;
        } keys[] = {
                { "limits.memory", LIMIT(memory) },
                { "limits.memory_high", LIMIT(memory_high) },
                { "limits.memory_low", LIMIT(memory_low) },
        };
        char given[32], have[16];

        quantity_format_size(host->memory, have);
        for (size_t i = 0; i < ELEMENTS_OF(keys); i++) {
                uint64_t value = number_of(limits, keys[i].offset);

                if (is_given(value) && value > host->memory) {
                        quantity_format_size_exact(value, given);
                        return definition_error(error, ERANGE,
                                                "%s: %s is more than this host has (%s)",
                                                keys[i].key, given, have);
                }
        }
        if (is_given(limits->memory) && is_given(limits->memory_high) &&
            limits->memory_high >= limits->memory) {
                return warn(warnings,
                            strdup("limits.memory_high has no effect: limits.memory is not above "
                                   "it"),
                            error);
        }
        return 0;
}

static int check_swap(const struct host_resources *host, const struct machine_limits *limits,
                      char ***warnings, struct machine_error *error)
{
        char have[16];

        if (!is_given(limits->swap) || limits->swap == 0 || limits->swap <= host->swap) {
                return 0;
        }
        quantity_format_size(host->swap, have);
        return warn(warnings,
                    string_format("limits.swap has no effect: this host has less swap (%s)", have),
                    error);
}

static int check_cpu(const struct host_resources *host, const struct machine_limits *limits,
                     char ***warnings, struct machine_error *error)
{
        unsigned int count = number_set_count(&host->cpus);

        if (!is_given(limits->cpu_quota) || !is_given(limits->cpu_period) ||
            limits->cpu_quota / limits->cpu_period < count ||
            limits->cpu_quota == limits->cpu_period * count) {
                return 0;
        }
        return warn(warnings,
                    string_format("limits.cpu has no effect: this host has only %u CPU%s", count,
                                  count == 1 ? "" : "s"),
                    error);
}

static int check_set(const char *key, const char *text, const struct number_set *have,
                     const char *what, struct machine_error *error)
{
        struct number_set wanted;
        int missing, r;

        if (!text) {
                return 0;
        }
        r = number_set_parse(text, &wanted);
        if (r < 0 || number_set_count(&wanted) == 0) {
                return definition_error(error, r < 0 ? r : EINVAL,
                                        "%s: \"%s\" is not a list of %ss like \"0-3,5\"", key, text,
                                        what);
        }
        missing = number_set_missing(&wanted, have);
        if (missing >= 0) {
                return definition_error(error, ERANGE, "%s: this host has no %s %d", key, what,
                                        missing);
        }
        return 0;
}

static int check_io(const struct machine_io_limit *io, char ***warnings,
                    struct machine_error *error)
{
        const struct {
                const char *key;
                uint64_t value;
        } values[] = {
                { "read_bandwidth", io->read_bandwidth },
                { "write_bandwidth", io->write_bandwidth },
                { "read_iops", io->read_iops },
                { "write_iops", io->write_iops },
        };
        bool any = false;
        dev_t disk;

        for (size_t i = 0; i < ELEMENTS_OF(values); i++) {
                any = any || values[i].value != MACHINE_UNSET;
                /* The kernel does not accept 0: it would stop the machine for good. */
                if (values[i].value == 0) {
                        return definition_error(
                                error, ERANGE,
                                "limits.io: %s of %s: 0 is too small, the minimum is 1",
                                values[i].key, io->device);
                }
                if (is_given(values[i].value) && values[i].value > UINT32_MAX && i >= 2) {
                        return definition_error(
                                error, ERANGE,
                                "limits.io: %s of %s: %llu is too large, the maximum is %u",
                                values[i].key, io->device, (unsigned long long)values[i].value,
                                UINT32_MAX);
                }
        }
        if (!any) {
                return definition_error(error, EINVAL, "limits.io: no limit is set for %s",
                                        io->device);
        }
        return block_find_disk(io->device, "limits.io", &disk, warnings, error);
}

int huge_page_limit_parse(const char *text, uint64_t *ret_page, uint64_t *ret_limit)
{
        const char *equals = strchr(text, '=');
        _cleanup_free_ char *page = NULL;
        int r;

        if (!equals) {
                return -EINVAL;
        }
        page = strndup(text, (size_t)(equals - text));
        if (!page) {
                return -ENOMEM;
        }
        r = quantity_parse_size(page, ret_page);
        if (r < 0) {
                return r;
        }
        if (*ret_page == 0) {
                return -EINVAL;
        }
        if (strcmp(equals + 1, "max") == 0) {
                *ret_limit = MACHINE_UNLIMITED;
                return 0;
        }
        return quantity_parse_size(equals + 1, ret_limit);
}

/* "64K, 2M, 1G" */
static char *list_huge_pages(const struct host_resources *host)
{
        _cleanup_strv_ char **sizes = NULL;

        for (const uint64_t *size = host->huge_pages; *size; size++) {
                char text[32];

                quantity_format_size_exact(*size, text);
                if (strv_append(&sizes, text) < 0) {
                        return NULL;
                }
        }
        return strv_join(sizes, ", ");
}

static int check_huge_pages(const struct host_resources *host, const char *text, bool bare,
                            struct machine_error *error)
{
        _cleanup_free_ char *sizes = NULL;
        uint64_t page, limit;
        const uint64_t *known = host->huge_pages;
        int r = huge_page_limit_parse(text, &page, &limit);

        if (r < 0) {
                return definition_error(error, r,
                                        "limits.hugepages: \"%s\" is not SIZE=LIMIT like "
                                        "\"2M=512M\"",
                                        text);
        }
        while (*known && *known != page) {
                known++;
        }
        if (!*known) {
                sizes = list_huge_pages(host);
                return definition_error(
                        error, ERANGE,
                        "limits.hugepages: this host has no huge pages of the size in \"%s\" (it "
                        "has: %s)",
                        text, sizes && *sizes ? sizes : "none");
        }
        if (is_given(limit) && limit % page != 0 && !bare) {
                return definition_error(
                        error, EINVAL,
                        "limits.hugepages: in \"%s\" the limit is not a multiple of the page size",
                        text);
        }
        return 0;
}

int host_check_limits(const struct host_resources *host, const struct machine_limits *limits,
                      char ***warnings, struct machine_error *error)
{
        int r = check_ranges(limits, error);

        /* To the kernel more than the host has is no error, and callers of runtimes rely on it. */
        if (r == 0 && !limits->bare) {
                r = check_memory(host, limits, warnings, error);
        }
        if (r == 0) {
                r = check_swap(host, limits, warnings, error);
        }
        if (r == 0) {
                r = check_cpu(host, limits, warnings, error);
        }
        if (r == 0) {
                r = check_set("limits.cpus", limits->cpus, &host->cpus, "CPU", error);
        }
        if (r == 0) {
                r = check_set("limits.memory_nodes", limits->memory_nodes, &host->nodes,
                              "memory node", error);
        }
        for (size_t i = 0; r == 0 && i < limits->io_count; i++) {
                r = check_io(&limits->io[i], warnings, error);
        }
        for (char **pages = limits->hugepages; r == 0 && pages && *pages; pages++) {
                r = check_huge_pages(host, *pages, limits->bare, error);
        }
        return r;
}

int cgroup_check_limits(const struct machine_limits *limits, char ***warnings,
                        struct machine_error *error)
{
        struct host_resources host;
        int r = host_read(limits, &host, error);

        return r < 0 ? r : host_check_limits(&host, limits, warnings, error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/limits/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/limits/block.h"
#include "cgroup/limits/host.h"
#include "cgroup/tree/controllers.h"

#define DEFAULT_PERIOD 100000
#define KIB            UINT64_C(1024)

void settings_free(struct settings *settings)
{
        for (size_t i = 0; i < settings->count; i++) {
                free(settings->items[i].file);
                free(settings->items[i].value);
                free(settings->items[i].old);
        }
        free(settings->items);
        *settings = (struct settings)SETTINGS_INIT;
}

/* Appends a setting and takes ownership of its two strings, even on failure. Returns 0 or
 * -ENOMEM. */
static int add(struct settings *settings, const char *key, enum cgroup_controller controller,
               char *file, char *value, bool optional)
{
        struct setting *grown = NULL;

        if (file && value) {
                grown = reallocarray(settings->items, settings->count + 1, sizeof *grown);
        }
        if (!grown) {
                free(file);
                free(value);
                return -ENOMEM;
        }
        settings->items = grown;
        grown[settings->count++] = (struct setting){
                .key = key,
                .controller = controller,
                .file = file,
                .value = value,
                .optional = optional,
        };
        return 0;
}

/* "max" or the number. */
static char *number_text(uint64_t value)
{
        return value == MACHINE_UNLIMITED ? strdup("max") : string_format("%" PRIu64, value);
}

static int add_numbers(struct settings *settings, const struct machine_limits *limits)
{
        const struct {
                const char *key;
                enum cgroup_controller controller;
                const char *file;
                uint64_t value;
        } numbers[] = {
                { "limits.memory_low", CGROUP_MEMORY, "memory.low", limits->memory_low },
                { "limits.memory_high", CGROUP_MEMORY, "memory.high", limits->memory_high },
                { "limits.memory", CGROUP_MEMORY, "memory.max", limits->memory },
                { "limits.cpu_weight", CGROUP_CPU, "cpu.weight", limits->cpu_weight },
                { "limits.tasks", CGROUP_PIDS, "pids.max", limits->tasks },
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(numbers); i++) {
                if (numbers[i].value != MACHINE_UNSET) {
                        r = add(settings, numbers[i].key, numbers[i].controller,
                                strdup(numbers[i].file), number_text(numbers[i].value), false);
                }
        }
        return r;
}

/* A kernel without swap lacks memory.swap.max, and needs no limit of 0. */
static int add_swap(struct settings *settings, const struct machine_limits *limits,
                    bool swap_default)
{
        uint64_t swap = limits->swap;

        if (swap == MACHINE_UNSET && swap_default && !limits->bare &&
            limits->memory != MACHINE_UNSET && limits->memory != MACHINE_UNLIMITED) {
                swap = 0;
        }
        if (swap == MACHINE_UNSET) {
                return 0;
        }
        return add(settings, "limits.swap", CGROUP_MEMORY, strdup("memory.swap.max"),
                   number_text(swap), true);
}

static int add_cpu(struct settings *settings, const struct machine_limits *limits)
{
        uint64_t period = limits->cpu_period == MACHINE_UNSET ? DEFAULT_PERIOD : limits->cpu_period;
        _cleanup_free_ char *quota = NULL;

        if (limits->cpu_quota == MACHINE_UNSET && limits->cpu_period == MACHINE_UNSET) {
                return 0;
        }
        quota = number_text(limits->cpu_quota == MACHINE_UNSET ? MACHINE_UNLIMITED
                                                               : limits->cpu_quota);
        if (!quota) {
                return -ENOMEM;
        }
        return add(settings, "limits.cpu", CGROUP_CPU, strdup("cpu.max"),
                   string_format("%s %" PRIu64, quota, period), false);
}

static int add_sets(struct settings *settings, const struct machine_limits *limits)
{
        int r = 0;

        if (limits->cpus) {
                r = add(settings, "limits.cpus", CGROUP_CPUSET, strdup("cpuset.cpus"),
                        strdup(limits->cpus), false);
        }
        if (r == 0 && limits->memory_nodes) {
                r = add(settings, "limits.memory_nodes", CGROUP_CPUSET, strdup("cpuset.mems"),
                        strdup(limits->memory_nodes), false);
        }
        return r;
}

/* The kernel has two mechanisms with weights: the io.cost model, and the BFQ scheduler, whose
 * maximum is 1000. Each disk uses one of them. */
static int add_io_weight(struct settings *settings, const struct machine_limits *limits)
{
        uint64_t weight = limits->io_weight;
        uint64_t bfq = weight <= 100 ? weight : 100 + (weight - 100) * 900 / 9900;
        int r;

        if (weight == MACHINE_UNSET) {
                return 0;
        }
        r = add(settings, "limits.io_weight", CGROUP_IO, strdup("io.weight"),
                string_format("default %" PRIu64, weight), true);
        return r < 0 ? r
                     : add(settings, "limits.io_weight", CGROUP_IO, strdup("io.bfq.weight"),
                           string_format("default %" PRIu64, bfq), true);
}

static int add_io(struct settings *settings, const struct machine_io_limit *io, char ***warnings,
                  struct machine_error *error)
{
        const struct {
                const char *name;
                uint64_t value;
        } values[] = {
                { "rbps", io->read_bandwidth },
                { "wbps", io->write_bandwidth },
                { "riops", io->read_iops },
                { "wiops", io->write_iops },
        };
        char text[160];
        size_t length;
        dev_t disk;
        int r = block_find_disk(io->device, "limits.io", &disk, warnings, error);

        if (r < 0) {
                return r;
        }
        length = (size_t)snprintf(text, sizeof text, "%u:%u", major(disk), minor(disk));
        for (size_t i = 0; i < ELEMENTS_OF(values); i++) {
                _cleanup_free_ char *number = NULL;

                if (values[i].value == MACHINE_UNSET) {
                        continue;
                }
                number = number_text(values[i].value);
                if (!number) {
                        return error_oom(error);
                }
                length += (size_t)snprintf(text + length, sizeof text - length, " %s=%s",
                                           values[i].name, number);
        }
        r = add(settings, "limits.io", CGROUP_IO, strdup("io.max"), strdup(text), false);
        return r < 0 ? error_oom(error) : 0;
}

/* The name of a size in the files of the hugetlb controller: "64KB", "2MB", "1GB". */
static char *huge_page_name(uint64_t size)
{
        if (size >= KIB * KIB * KIB) {
                return string_format("%" PRIu64 "GB", size / (KIB * KIB * KIB));
        }
        return size >= KIB * KIB ? string_format("%" PRIu64 "MB", size / (KIB * KIB))
                                 : string_format("%" PRIu64 "KB", size / KIB);
}

/* Limits both the pages in use and the pages reserved by mmap(2): with the latter a mapping that is
 * too large fails when it is created, instead of with SIGBUS when it is touched. */
static int add_huge_pages(struct settings *settings, const char *text, struct machine_error *error)
{
        _cleanup_free_ char *name = NULL;
        uint64_t page, limit;
        int r = huge_page_limit_parse(text, &page, &limit);

        if (r < 0) {
                return error_set(error, r, "limits.hugepages: cannot read \"%s\"", text);
        }
        name = huge_page_name(page);
        r = name ? add(settings, "limits.hugepages", CGROUP_HUGETLB,
                       string_format("hugetlb.%s.max", name), number_text(limit), false)
                 : -ENOMEM;
        if (r == 0) {
                r = add(settings, "limits.hugepages", CGROUP_HUGETLB,
                        string_format("hugetlb.%s.rsvd.max", name), number_text(limit), false);
        }
        return r < 0 ? error_oom(error) : 0;
}

/* ---- of bundles ---- */

static int add_cpu_details(struct settings *settings, const struct machine_limits *limits)
{
        int r = 0;

        if (limits->cpu_burst != MACHINE_UNSET) {
                r = add(settings, "limits.cpu_burst", CGROUP_CPU, strdup("cpu.max.burst"),
                        number_text(limits->cpu_burst), false);
        }
        if (r == 0 && limits->cpu_idle != MACHINE_UNSET) {
                r = add(settings, "limits.cpu_idle", CGROUP_CPU, strdup("cpu.idle"),
                        number_text(limits->cpu_idle), false);
        }
        return r;
}

/* Weights of single disks are the BFQ scheduler's. */
static int add_io_weights(struct settings *settings, const struct machine_limits *limits)
{
        int r = 0;

        for (size_t i = 0; i < limits->io_weight_count && r == 0; i++) {
                const struct machine_io_weight *weight = &limits->io_weights[i];

                r = add(settings, "limits.io_weights", CGROUP_IO, strdup("io.bfq.weight"),
                        string_format("%s %" PRIu64, weight->device, weight->weight), false);
        }
        return r;
}

static int add_rdma(struct settings *settings, const struct machine_limits *limits)
{
        STRV_FOREACH(line, limits->rdma) {
                if (add(settings, "limits.rdma", CGROUP_RDMA, strdup("rdma.max"), strdup(*line),
                        false) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

/* The controller that a file belongs to; files of the core, "cgroup.*", and of controllers that
 * this program does not know have none that could be enabled. */
static enum cgroup_controller controller_of(const char *file)
{
        _cleanup_free_ char *name = strndup(file, strcspn(file, "."));

        return name ? (enum cgroup_controller)cgroup_parse_controllers(name)
                    : (enum cgroup_controller)0;
}

/* The kernel takes one line of a file at a time. */
static int add_unified(struct settings *settings, const char *entry)
{
        const char *equals = strchr(entry, '=');
        _cleanup_free_ char *file = strndup(entry, (size_t)(equals - entry));
        _cleanup_strv_ char **lines = NULL;

        if (!file || strv_split(equals + 1, '\n', &lines) < 0) {
                return -ENOMEM;
        }
        STRV_FOREACH(line, lines) {
                if (!**line) {
                        continue;
                }
                if (add(settings, "limits.unified", controller_of(file), strdup(file),
                        strdup(*line), false) < 0) {
                        return -ENOMEM;
                }
                settings->items[settings->count - 1].raw = true;
        }
        return 0;
}

static int add_bundle(struct settings *settings, const struct machine_limits *limits)
{
        int r = add_cpu_details(settings, limits);

        if (r == 0) {
                r = add_io_weights(settings, limits);
        }
        if (r == 0) {
                r = add_rdma(settings, limits);
        }
        STRV_FOREACH(entry, limits->unified) {
                if (r == 0) {
                        r = add_unified(settings, *entry);
                }
        }
        return r;
}

int settings_from_limits(const struct machine_limits *limits, bool swap_default, char ***warnings,
                         struct settings *ret, struct machine_error *error)
{
        _cleanup_settings_ struct settings settings = SETTINGS_INIT;
        int r = 0;

        if (add_numbers(&settings, limits) < 0 || add_swap(&settings, limits, swap_default) < 0 ||
            add_cpu(&settings, limits) < 0 || add_sets(&settings, limits) < 0 ||
            add_io_weight(&settings, limits) < 0) {
                return error_oom(error);
        }
        for (size_t i = 0; r == 0 && i < limits->io_count; i++) {
                r = add_io(&settings, &limits->io[i], warnings, error);
        }
        for (char **pages = limits->hugepages; r == 0 && pages && *pages; pages++) {
                r = add_huge_pages(&settings, *pages, error);
        }
        if (r == 0 && limits->bare && add_bundle(&settings, limits) < 0) {
                r = error_oom(error);
        }
        if (r < 0) {
                return r;
        }
        *ret = settings;
        settings = (struct settings)SETTINGS_INIT;
        return 0;
}

/* The line of a text that begins with the same word as `value`, without its newline. */
static char *line_of(const char *text, const char *value)
{
        size_t word = strcspn(value, " ");

        while (*text) {
                size_t length = strcspn(text, "\n");

                if (strncmp(text, value, word) == 0 && text[word] == ' ') {
                        return strndup(text, length);
                }
                text += length;
                text += *text == '\n';
        }
        return NULL;
}

char *setting_undo_text(const char *file, const char *value, const char *text)
{
        char *line;

        if (strcmp(file, "io.max") == 0) {
                line = line_of(text, value);
                return line ? line
                            : string_format("%.*s rbps=max wbps=max riops=max wiops=max",
                                            (int)strcspn(value, " "), value);
        }
        if (string_ends_with(file, ".weight") && string_after(file, "io.")) {
                return line_of(text, "default ");
        }
        return strdup(*text ? text : "\n");
}

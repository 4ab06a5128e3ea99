/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "cgroup/tree/tree.h"
#include "cgroup/usage/events.h"
#include "cgroup/usage/usage.h"
#include "runtime/common/container.h"

#define DEFAULT_INTERVAL 5

/* ---- the document ---- */

/* What the kernel does not count here is left out. */
static int set(json_t *object, const char *key, uint64_t value, uint64_t factor)
{
        if (value == MACHINE_UNSET) {
                return 0;
        }
        /* "No limit" is the largest number that all readers have. */
        return json_set_number(object, key,
                               value == MACHINE_UNLIMITED ? (uint64_t)INT64_MAX : value * factor);
}

/* In nanoseconds. */
static json_t *describe_cpu(const struct cgroup_usage *usage)
{
        json_t *cpu = json_object(), *times = json_object(), *throttling = json_object();
        int r = set(times, "total", usage->cpu, 1000);

        r |= set(times, "user", usage->cpu_user, 1000);
        r |= set(times, "kernel", usage->cpu_system, 1000);
        r |= set(throttling, "periods", usage->cpu_periods, 1);
        r |= set(throttling, "throttledPeriods", usage->cpu_throttled_periods, 1);
        r |= set(throttling, "throttledTime", usage->cpu_throttled, 1000);
        r |= json_set_value(cpu, "usage", times);
        r |= json_set_value(cpu, "throttling", throttling);
        if (r < 0) {
                json_decref(cpu);
                return NULL;
        }
        return cpu;
}

static json_t *describe_memory(const struct cgroup_usage *usage)
{
        json_t *memory = json_object(), *main = json_object(), *swap = json_object(),
               *raw = json_object();
        int r = set(main, "usage", usage->memory, 1);

        r |= set(main, "limit", usage->memory_limit, 1);
        r |= set(main, "max", usage->memory_peak, 1);
        r |= set(swap, "usage", usage->swap, 1);
        r |= set(swap, "limit", usage->swap_limit, 1);
        r |= set(raw, "anon", usage->memory_anonymous, 1);
        r |= set(raw, "file", usage->memory_file, 1);
        r |= set(raw, "kernel", usage->memory_kernel, 1);
        r |= set(raw, "shmem", usage->memory_shared, 1);
        r |= set(memory, "cache", usage->memory_file, 1);
        r |= json_set_value(memory, "usage", main);
        r |= json_set_value(memory, "swap", swap);
        r |= json_set_value(memory, "raw", raw);
        if (r < 0) {
                json_decref(memory);
                return NULL;
        }
        return memory;
}

static json_t *describe(const struct cgroup_usage *usage)
{
        json_t *data = json_object(), *pids = json_object(), *disks = json_object();
        int r = set(pids, "current", usage->tasks, 1);

        r |= set(pids, "limit", usage->tasks_limit, 1);
        r |= set(disks, "readBytes", usage->io_read, 1);
        r |= set(disks, "writeBytes", usage->io_write, 1);
        r |= set(disks, "reads", usage->io_read_operations, 1);
        r |= set(disks, "writes", usage->io_write_operations, 1);
        r |= json_set_value(data, "cpu", describe_cpu(usage));
        r |= json_set_value(data, "memory", describe_memory(usage));
        r |= json_set_value(data, "pids", pids);
        r |= json_set_value(data, "blkio", disks);
        if (r < 0) {
                json_decref(data);
                return NULL;
        }
        return data;
}

/* One line; data is taken, and may be NULL for none. */
static int print(const char *type, const char *id, json_t *data, struct machine_error *error)
{
        _cleanup_json_ json_t *event = json_object();
        int r = json_set_string(event, "type", type);

        r |= json_set_string(event, "id", id);
        if (data) {
                r |= json_set_value(event, "data", data);
        }
        if (r < 0 || json_dumpf(event, stdout, JSON_COMPACT) < 0) {
                return error_oom(error);
        }
        putchar('\n');
        return fflush(stdout) == 0 ? 0 : error_set(error, errno, "cannot write the event");
}

static int print_stats(const struct cgroup *group, const char *id, struct machine_error *error)
{
        struct cgroup_usage usage;
        json_t *data;
        int r = cgroup_read_usage(group, &usage, error);

        if (r < 0) {
                return r;
        }
        data = describe(&usage);
        return data ? print("stats", id, data, error) : error_oom(error);
}

/* ---- following ---- */

/* Until the container ends. A host without the memory controller has no events of it. */
static int follow(const struct container *container, const struct cgroup *group, uint64_t interval,
                  struct machine_error *error)
{
        const char *id = container->record.name;
        struct cgroup_watch watch = CGROUP_WATCH_INIT;
        bool watched = cgroup_watch_open(group, &watch, NULL) == 0;
        struct pollfd waited_for[] = {
                { .fd = container->process, .events = POLLIN },
                { .fd = watched ? watch.fd : -1, .events = POLLPRI },
        };
        int r = print_stats(group, id, error);

        while (r == 0) {
                int ready = poll(waited_for, 2, (int)(interval * 1000));
                struct cgroup_news news;

                if (waited_for[0].revents) {
                        break;
                }
                if (ready == 0) {
                        r = print_stats(group, id, error);
                } else if (ready > 0 && cgroup_watch_read(&watch, &news) == 0 && news.oom_kills) {
                        r = print("oom", id, NULL, error);
                }
        }
        if (watched) {
                cgroup_watch_release(&watch);
        }
        return r;
}

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        uint64_t interval;
        int r = arguments_number(arguments, ARGUMENT_INTERVAL, 86400, &interval, error);

        if (r == 0) {
                r = container_open(runtime, arguments->rest[0], false, &container, error);
        }
        if (r == 0 && (container.status == OCI_STOPPED || container.status == OCI_CREATING)) {
                r = container_refuse(&container, "observe", error);
        }
        if (r == 0) {
                r = container_group(&container, "observe", &group, error);
        }
        if (r < 0) {
                return r;
        }
        return arguments_has(arguments, ARGUMENT_STATS)
                       ? print_stats(&group, container.record.name, error)
                       : follow(&container, &group, interval ? interval : DEFAULT_INTERVAL, error);
}

const struct verb verb_events = {
        .name = "events",
        .arguments = "ID",
        .summary = "Print the usage of a container, and when its memory runs out, as JSON",
        .options = ARGUMENT_BIT(ARGUMENT_STATS) | ARGUMENT_BIT(ARGUMENT_INTERVAL),
        .minimum = 1,
        .maximum = 1,
        .run = run,
};

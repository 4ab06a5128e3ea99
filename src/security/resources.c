/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"

const char *const resource_keys[MACHINE_RESOURCE_LIMITS] = {
        [RLIMIT_CPU] = "cpu_time",
        [RLIMIT_FSIZE] = "file_size",
        [RLIMIT_DATA] = "data",
        [RLIMIT_STACK] = "stack",
        [RLIMIT_CORE] = "core",
        [RLIMIT_RSS] = "resident_set",
        [RLIMIT_NPROC] = "processes",
        [RLIMIT_NOFILE] = "open_files",
        [RLIMIT_MEMLOCK] = "locked_memory",
        [RLIMIT_AS] = "address_space",
        [RLIMIT_LOCKS] = "file_locks",
        [RLIMIT_SIGPENDING] = "pending_signals",
        [RLIMIT_MSGQUEUE] = "message_queues",
        [RLIMIT_NICE] = "nice_ceiling",
        [RLIMIT_RTPRIO] = "realtime_priority",
        [RLIMIT_RTTIME] = "realtime_time",
};

/* A limit by its key in a definition, or by its member in a bundle. */
static void format_name(bool bare, int resource, char text[static 48])
{
        snprintf(text, 48, "%s%s", bare ? "process.rlimits: " : "limits.",
                 bare ? process_limit_names[resource] : resource_keys[resource]);
}

static rlim_t kernel_value(uint64_t value)
{
        return value == MACHINE_UNLIMITED ? RLIM_INFINITY : (rlim_t)value;
}

static void format_limit(rlim_t value, char text[static 24])
{
        if (value == RLIM_INFINITY) {
                snprintf(text, 24, "unlimited");
        } else {
                snprintf(text, 24, "%" PRIu64, (uint64_t)value);
        }
}

/* The maximum of RLIMIT_NOFILE (proc(5), fs.nr_open); 0 if it is unknown. */
static rlim_t open_files_maximum(void)
{
        _cleanup_free_ char *text = NULL;

        if (file_read(AT_FDCWD, "/proc/sys/fs/nr_open", 64, &text, NULL) < 0) {
                return 0;
        }
        return strtoull(text, NULL, 10);
}

static int explain_limit(pid_t pid, bool bare, int resource, const struct rlimit *asked, int number,
                         struct machine_error *error)
{
        struct rlimit held = { 0, 0 };
        char from[24], to[24], name[48];

        format_name(bare, resource, name);
        format_limit(asked->rlim_max, to);
        if (number != EPERM || prlimit(pid, resource, NULL, &held) < 0 ||
            asked->rlim_max <= held.rlim_max) {
                return error_set(error, number, "setting %s to %s failed", name, to);
        }
        if (resource == RLIMIT_NOFILE && open_files_maximum() > 0 &&
            asked->rlim_max > open_files_maximum()) {
                error_say(error, EPERM, "%s: %s is more than the kernel allows", name, to);
                error_hint(error, "the sysctl fs.nr_open limits it, now to %" PRIu64,
                           (uint64_t)open_files_maximum());
                return -EPERM;
        }
        format_limit(held.rlim_max, from);
        error_say(error, EPERM,
                  "%s: raising the hard limit from %s to %s needs CAP_SYS_RESOURCE, which "
                  "this process lacks",
                  name, from, to);
        error_hint(error, "set it to at most %s, or start the machine with a higher hard limit",
                   from);
        return -EPERM;
}

static int set_limit(pid_t pid, bool bare, int resource, const struct rlimit *asked,
                     struct machine_error *error)
{
        return prlimit(pid, resource, asked, NULL) < 0
                       ? explain_limit(pid, bare, resource, asked, errno, error)
                       : 0;
}

/* Raises a hard limit that is lower than the requested one. */
static int raise_limit(pid_t pid, bool bare, int resource,
                       const struct machine_resource_limit *limit, struct machine_error *error)
{
        struct rlimit held;
        char name[48];

        if (prlimit(pid, resource, NULL, &held) < 0) {
                format_name(bare, resource, name);
                return error_set(error, errno, "reading %s failed", name);
        }
        if (kernel_value(limit->hard) <= held.rlim_max) {
                return 0;
        }
        held.rlim_max = kernel_value(limit->hard);
        return set_limit(pid, bare, resource, &held, error);
}

static int apply_oom_score(pid_t pid, bool bare, int score, struct machine_error *error)
{
        const char *key = bare ? "process.oomScoreAdj" : "limits.oom_score_adjust";
        char path[64] = "/proc/self/oom_score_adj", value[16];
        int r;

        if (pid != 0) {
                snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
        }
        snprintf(value, sizeof value, "%d", score);
        r = file_write_value(AT_FDCWD, path, value);
        if (r == -EACCES || r == -EPERM) {
                /* The kernel does not allow less than the lowest score set by a process with
                 * CAP_SYS_RESOURCE (proc(5)). */
                error_say(error, EACCES,
                          "%s: lowering it to %d needs CAP_SYS_RESOURCE, which this process lacks",
                          key, score);
                return -EACCES;
        }
        return r < 0 ? error_set(error, r, "setting %s to %d failed", key, score) : 0;
}

static int apply_nice(pid_t pid, int nice_value, struct machine_error *error)
{
        if (setpriority(PRIO_PROCESS, (id_t)pid, nice_value) == 0) {
                return 0;
        }
        if (errno == EACCES || errno == EPERM) {
                int number = errno;

                error_say(error, number,
                          "limits.nice: %d is lower than this process may set without CAP_SYS_NICE",
                          nice_value);
                error_hint(error, "the minimum is its own nice value, or RLIMIT_NICE");
                return -number;
        }
        return error_set(error, errno, "setting limits.nice to %d failed", nice_value);
}

/* sched_setattr(2), which no C library declares in every version. */
struct scheduler_attributes {
        uint32_t size;
        uint32_t policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime;
        uint64_t deadline;
        uint64_t period;
};

static int apply_scheduler(pid_t pid, const struct machine_scheduler *scheduler,
                           struct machine_error *error)
{
        struct scheduler_attributes attributes = {
                .size = sizeof attributes,
                .policy = scheduler->policy,
                .flags = scheduler->flags,
                .nice = scheduler->nice,
                .priority = scheduler->priority,
                .runtime = scheduler->runtime,
                .deadline = scheduler->deadline,
                .period = scheduler->period,
        };
        int number;

        if (syscall(SYS_sched_setattr, pid, &attributes, 0) == 0) {
                return 0;
        }
        number = errno;
        if (number == EPERM) {
                error_say(error, EPERM, "process.scheduler: the kernel does not allow it");
                error_hint(error, "real-time and deadline scheduling and a lower nice value need "
                                  "CAP_SYS_NICE, and a real-time budget of the control group");
                return -EPERM;
        }
        return number == EINVAL
                       ? error_say(error, EINVAL,
                                   "process.scheduler: the kernel does not know the policy or a "
                                   "flag, or does not accept these values together "
                                   "(sched_setattr(2))")
                       : error_set(error, number, "process.scheduler: sched_setattr failed");
}

/* ioprio_set(2) and its encoding of the class (linux/ioprio.h). */
#define IO_PRIORITY_OF_PROCESS  1
#define IO_PRIORITY_CLASS_SHIFT 13

static int apply_io_priority(pid_t pid, const struct machine_io_priority *priority,
                             struct machine_error *error)
{
        if (syscall(SYS_ioprio_set, IO_PRIORITY_OF_PROCESS, pid,
                    priority->kind << IO_PRIORITY_CLASS_SHIFT | priority->level) == 0) {
                return 0;
        }
        if (errno == EPERM) {
                return error_say(error, EPERM,
                                 "process.ioPriority: the real-time class needs CAP_SYS_ADMIN or "
                                 "CAP_SYS_NICE");
        }
        return error_set(error, errno, "process.ioPriority: ioprio_set failed");
}

/* A list as in cpuset(7), which was checked when it was read. */
static void set_bits(const char *list, uint64_t *bits, unsigned long maximum)
{
        const char *at = list;

        while (at && *at) {
                char *end;
                unsigned long first = strtoul(at, &end, 10), last = first;

                if (*end == '-') {
                        last = strtoul(end + 1, &end, 10);
                }
                for (unsigned long bit = first; bit <= last && bit < maximum; bit++) {
                        bits[bit / 64] |= UINT64_C(1) << bit % 64;
                }
                at = *end ? end + 1 : end;
        }
}

struct resource_settings resource_settings_of(const struct machine *machine)
{
        const struct machine_limits *limits = &machine->limits;
        struct resource_settings settings = {
                .bare = machine->bare,
                .oom_score_adjust_set = limits->oom_score_adjust_set,
                .oom_score_adjust = limits->oom_score_adjust,
                .nice_set = limits->nice_set,
                .nice = limits->nice,
                .scheduler = limits->scheduler,
                .io_priority = limits->io_priority,
                .personality_set = limits->personality_set,
                .personality = limits->personality,
                .memory_policy_set = limits->memory_policy.set,
                .memory_policy = limits->memory_policy.mode | limits->memory_policy.flags,
                .umask_set = machine->process.umask_set,
                .umask = machine->process.umask,
        };

        set_bits(limits->memory_policy.nodes, settings.memory_nodes, RESOURCE_MEMORY_NODES);
        memcpy(settings.limits, limits->resources, sizeof settings.limits);
        return settings;
}

bool resources_need_preparing(const struct resource_settings *settings)
{
        bool needed = settings->oom_score_adjust_set || settings->nice_set ||
                      settings->scheduler.set || settings->io_priority.set;

        for (int resource = 0; resource < MACHINE_RESOURCE_LIMITS; resource++) {
                needed = needed || settings->limits[resource].set;
        }
        return needed;
}

int resources_prepare(pid_t pid, const struct resource_settings *settings,
                      struct machine_error *error)
{
        int r = 0;

        for (int resource = 0; resource < MACHINE_RESOURCE_LIMITS && r == 0; resource++) {
                if (settings->limits[resource].set) {
                        r = raise_limit(pid, settings->bare, resource, &settings->limits[resource],
                                        error);
                }
        }
        if (r == 0 && settings->oom_score_adjust_set) {
                r = apply_oom_score(pid, settings->bare, settings->oom_score_adjust, error);
        }
        if (r == 0 && settings->nice_set) {
                r = apply_nice(pid, settings->nice, error);
        }
        if (r == 0 && settings->scheduler.set) {
                r = apply_scheduler(pid, &settings->scheduler, error);
        }
        if (r == 0 && settings->io_priority.set) {
                r = apply_io_priority(pid, &settings->io_priority, error);
        }
        return r;
}

static int apply_memory_policy(const struct resource_settings *settings,
                               struct machine_error *error)
{
        bool any = false;

        for (size_t i = 0; i < RESOURCE_MEMORY_NODES / 64; i++) {
                any = any || settings->memory_nodes[i];
        }
        /* The kernel subtracts one from the number of bits. */
        if (syscall(SYS_set_mempolicy, settings->memory_policy, any ? settings->memory_nodes : NULL,
                    any ? RESOURCE_MEMORY_NODES + 1UL : 0UL) == 0) {
                return 0;
        }
        return errno == EINVAL
                       ? error_say(
                                 error, EINVAL,
                                 "the kernel refuses the memory policy: it does not know the mode "
                                 "or a flag, the mode needs nodes or allows none, or none of the "
                                 "nodes is available to the machine")
                       : error_set(error, errno, "cannot set the memory policy");
}

int resources_limit(const struct resource_settings *settings, struct machine_error *error)
{
        int r = 0;

        if (settings->umask_set) {
                umask(settings->umask);
        }
        if (settings->personality_set && personality(settings->personality) < 0) {
                return error_set(error, errno, "cannot set the personality %#x",
                                 settings->personality);
        }
        if (settings->memory_policy_set) {
                r = apply_memory_policy(settings, error);
        }
        for (int resource = 0; resource < MACHINE_RESOURCE_LIMITS && r == 0; resource++) {
                const struct machine_resource_limit *limit = &settings->limits[resource];
                struct rlimit asked = { kernel_value(limit->soft), kernel_value(limit->hard) };

                if (limit->set) {
                        r = set_limit(0, settings->bare, resource, &asked, error);
                }
        }
        return r;
}

/* The kernel's maximum of processors (NR_CPUS of x86). */
#define PROCESSORS_MAXIMUM 8192

int resources_run_on(const char *cpus, struct machine_error *error)
{
        uint64_t bits[PROCESSORS_MAXIMUM / 64] = { 0 };

        if (!cpus) {
                return 0;
        }
        set_bits(cpus, bits, PROCESSORS_MAXIMUM);
        return syscall(SYS_sched_setaffinity, 0, sizeof bits, bits) < 0
                       ? error_set(error, errno,
                                   "process.execCPUAffinity: cannot run on the CPUs \"%s\"", cpus)
                       : 0;
}

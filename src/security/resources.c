/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/file.h"

/* The keys of `limits`, by the kernel's number. */
static const char *const names[MACHINE_RESOURCE_LIMITS] = {
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

/* The highest RLIMIT_NOFILE, which nobody may exceed (proc(5), fs.nr_open); 0 if it is not known.
 */
static rlim_t open_files_maximum(void)
{
        _cleanup_free_ char *text = NULL;

        if (file_read(AT_FDCWD, "/proc/sys/fs/nr_open", 64, &text, NULL) < 0) {
                return 0;
        }
        return strtoull(text, NULL, 10);
}

static int explain_limit(pid_t pid, int resource, const struct rlimit *asked, int number,
                         struct machine_error *error)
{
        struct rlimit held = { 0, 0 };
        char from[24], to[24];

        format_limit(asked->rlim_max, to);
        if (number != EPERM || prlimit(pid, resource, NULL, &held) < 0 ||
            asked->rlim_max <= held.rlim_max) {
                return error_set(error, number, "setting limits.%s to %s failed", names[resource],
                                 to);
        }
        if (resource == RLIMIT_NOFILE && open_files_maximum() > 0 &&
            asked->rlim_max > open_files_maximum()) {
                error_say(error, EPERM, "limits.open_files: %s is more than the kernel allows", to);
                error_hint(error, "the sysctl fs.nr_open is its maximum, now %" PRIu64,
                           (uint64_t)open_files_maximum());
                return -EPERM;
        }
        format_limit(held.rlim_max, from);
        error_say(error, EPERM,
                  "limits.%s: raising the hard limit from %s to %s needs CAP_SYS_RESOURCE, which "
                  "this process lacks",
                  names[resource], from, to);
        error_hint(error, "ask for at most %s, or start the machine with a higher hard limit",
                   from);
        return -EPERM;
}

static int set_limit(pid_t pid, int resource, const struct rlimit *asked,
                     struct machine_error *error)
{
        return prlimit(pid, resource, asked, NULL) < 0
                       ? explain_limit(pid, resource, asked, errno, error)
                       : 0;
}

/* Makes room: a hard limit below the one asked for is raised to it. */
static int raise_limit(pid_t pid, int resource, const struct machine_resource_limit *limit,
                       struct machine_error *error)
{
        struct rlimit held;

        if (prlimit(pid, resource, NULL, &held) < 0) {
                return error_set(error, errno, "reading limits.%s failed", names[resource]);
        }
        if (kernel_value(limit->hard) <= held.rlim_max) {
                return 0;
        }
        held.rlim_max = kernel_value(limit->hard);
        return set_limit(pid, resource, &held, error);
}

static int apply_oom_score(pid_t pid, int score, struct machine_error *error)
{
        char path[64] = "/proc/self/oom_score_adj", value[16];
        int r;

        if (pid != 0) {
                snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
        }
        snprintf(value, sizeof value, "%d", score);
        r = file_write_value(AT_FDCWD, path, value);
        if (r == -EACCES || r == -EPERM) {
                /* The kernel lets nobody go below the lowest score that a process with
                 * CAP_SYS_RESOURCE has given it (proc(5)). */
                error_say(error, EACCES,
                          "limits.oom_score_adjust: lowering it to %d needs CAP_SYS_RESOURCE, "
                          "which this process lacks",
                          score);
                return -EACCES;
        }
        return r < 0 ? error_set(error, r, "setting limits.oom_score_adjust to %d failed", score)
                     : 0;
}

static int apply_nice(pid_t pid, int nice_value, struct machine_error *error)
{
        if (setpriority(PRIO_PROCESS, (id_t)pid, nice_value) == 0) {
                return 0;
        }
        if (errno == EACCES || errno == EPERM) {
                int number = errno;

                error_say(error, number,
                          "limits.nice: %d is below what this process may give without "
                          "CAP_SYS_NICE",
                          nice_value);
                error_hint(error, "its own nice value, or RLIMIT_NICE, is the floor");
                return -number;
        }
        return error_set(error, errno, "setting limits.nice to %d failed", nice_value);
}

struct resource_settings resource_settings_of(const struct machine_limits *limits)
{
        struct resource_settings settings = {
                .oom_score_adjust_set = limits->oom_score_adjust_set,
                .oom_score_adjust = limits->oom_score_adjust,
                .nice_set = limits->nice_set,
                .nice = limits->nice,
        };

        memcpy(settings.limits, limits->resources, sizeof settings.limits);
        return settings;
}

int resources_prepare(pid_t pid, const struct resource_settings *settings,
                      struct machine_error *error)
{
        int r = 0;

        for (int resource = 0; resource < MACHINE_RESOURCE_LIMITS && r == 0; resource++) {
                if (settings->limits[resource].set) {
                        r = raise_limit(pid, resource, &settings->limits[resource], error);
                }
        }
        if (r == 0 && settings->oom_score_adjust_set) {
                r = apply_oom_score(pid, settings->oom_score_adjust, error);
        }
        if (r == 0 && settings->nice_set) {
                r = apply_nice(pid, settings->nice, error);
        }
        return r;
}

int resources_limit(const struct resource_settings *settings, struct machine_error *error)
{
        int r = 0;

        for (int resource = 0; resource < MACHINE_RESOURCE_LIMITS && r == 0; resource++) {
                const struct machine_resource_limit *limit = &settings->limits[resource];
                struct rlimit asked = { kernel_value(limit->soft), kernel_value(limit->hard) };

                if (limit->set) {
                        r = set_limit(0, resource, &asked, error);
                }
        }
        return r;
}

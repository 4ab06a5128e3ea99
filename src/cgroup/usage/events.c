/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/usage/events.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/tree/flat.h"
#include "cgroup/tree/mount.h"
#include "cgroup/usage/kernel_log.h"

#define EVENTS_MAXIMUM 1024
/* The maximum length of a record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg). */
#define RECORD_MAXIMUM 8192
/* A burst of unrelated messages must not block the supervisor here. */
#define RECORDS_AT_ONCE 4096

void cgroup_watch_release(struct cgroup_watch *watch)
{
        watch->fd = fd_close(watch->fd);
        watch->kernel_log = fd_close(watch->kernel_log);
        free(watch->path);
        *watch = (struct cgroup_watch)CGROUP_WATCH_INIT;
}

/* poll(2) waits for a change after the last read from the start of the file (kernfs). */
static int read_counters(struct cgroup_watch *watch, uint64_t *ret_kills, uint64_t *ret_high,
                         uint64_t *ret_max)
{
        char text[EVENTS_MAXIMUM];
        ssize_t n = pread(watch->fd, text, sizeof text - 1, 0);

        if (n < 0) {
                return -errno;
        }
        text[n] = '\0';
        if (flat_get(text, "oom_kill", ret_kills) < 0 || flat_get(text, "high", ret_high) < 0 ||
            flat_get(text, "max", ret_max) < 0) {
                return -EBADMSG;
        }
        return 0;
}

/* Opens the log at its current end. Without permission to read it, only the names of victims are
 * missing. */
static int open_log(void)
{
        int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

        if (fd >= 0 && lseek(fd, 0, SEEK_END) < 0) {
                fd = fd_close(fd);
        }
        return fd < 0 ? -EBADF : fd;
}

static int open_watch(const struct cgroup *group, struct cgroup_watch *watch,
                      struct machine_error *error)
{
        _cleanup_free_ char *mount = NULL;
        const char *within;
        int r = cgroup_find_mount(&mount, error);

        if (r < 0) {
                return r;
        }
        within = string_after(group->path, mount);
        watch->path = strdup(within ? within : strrchr(group->path, '/'));
        if (!watch->path) {
                return error_oom(error);
        }
        watch->fd = openat(group->fd, "memory.events", O_RDONLY | O_CLOEXEC);
        if (watch->fd < 0) {
                return error_set(error, errno, "cannot watch %s/memory.events", group->path);
        }
        r = read_counters(watch, &watch->oom_kills, &watch->high, &watch->max);
        if (r < 0) {
                return error_set(error, r, "cannot read %s/memory.events", group->path);
        }
        watch->kernel_log = open_log();
        return 0;
}

int cgroup_watch_open(const struct cgroup *group, struct cgroup_watch *ret,
                      struct machine_error *error)
{
        struct cgroup_watch watch = CGROUP_WATCH_INIT;
        int r = open_watch(group, &watch, error);

        if (r < 0) {
                cgroup_watch_release(&watch);
                return r;
        }
        *ret = watch;
        return 0;
}

/* Reads the kernel log up to its end and keeps the last victim. */
static void find_victim(struct cgroup_watch *watch, struct kernel_kill *ret)
{
        char record[RECORD_MAXIMUM + 1];

        for (int i = 0; watch->kernel_log >= 0 && i < RECORDS_AT_ONCE; i++) {
                ssize_t n = read(watch->kernel_log, record, RECORD_MAXIMUM);

                /* EPIPE: records were overwritten before they were read; continue with the next. */
                if (n < 0 && (errno == EPIPE || errno == EINTR)) {
                        continue;
                }
                if (n <= 0) {
                        return;
                }
                record[n] = '\0';
                (void)kernel_log_parse_kill(record, watch->path, ret);
        }
}

int cgroup_watch_read(struct cgroup_watch *watch, struct cgroup_news *ret)
{
        uint64_t kills, high, max;
        struct cgroup_news news = { 0 };
        int r = read_counters(watch, &kills, &high, &max);

        if (r < 0) {
                return r;
        }
        news.oom_kills = kills - watch->oom_kills;
        news.high = high - watch->high;
        news.max = max - watch->max;
        watch->oom_kills = kills;
        watch->high = high;
        watch->max = max;
        if (news.oom_kills) {
                find_victim(watch, &news.victim);
        }
        *ret = news;
        return 0;
}

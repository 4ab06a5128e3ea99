/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/watch/memory.h"

#include <inttypes.h>
#include <signal.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cgroup/usage/events.h"
#include "cgroup/usage/usage.h"

struct memory_watch {
        struct cgroup_watch group;
        struct launch *launch;
        memory_handler handler;
        void *data;
        struct event_source *source;
        char *last; /* the last message, or NULL */
};

void memory_watch_free(struct memory_watch *watch)
{
        if (!watch) {
                return;
        }
        event_remove(watch->source);
        cgroup_watch_release(&watch->group);
        free(watch->last);
        free(watch);
}

/* Returns the cause, such as "limits.memory is 64M". The caller frees it. */
static char *describe_limit(const struct memory_watch *watch, const struct cgroup_news *news)
{
        struct cgroup_usage usage;
        char text[32];

        if (news->victim.host) {
                return strdup("the host has no memory left");
        }
        if (cgroup_read_usage(launch_cgroup(watch->launch), &usage, NULL) < 0 ||
            usage.memory_limit == MACHINE_UNSET || usage.memory_limit == MACHINE_UNLIMITED) {
                return strdup("the limit of a parent or child control group was reached");
        }
        quantity_format_size_exact(usage.memory_limit, text);
        return string_format("limits.memory is %s", text);
}

static char *describe_victim(const struct cgroup_news *news)
{
        if (news->victim.pid == 0) {
                return string_format("%" PRIu64 " of its processes", news->oom_kills);
        }
        if (news->oom_kills > 1) {
                return string_format("%" PRIu64 " of its processes, the last one %d (%s)",
                                     news->oom_kills, news->victim.pid, news->victim.name);
        }
        return string_format("its process %d (%s)", news->victim.pid, news->victim.name);
}

static void report(struct memory_watch *watch, const struct cgroup_news *news)
{
        _cleanup_free_ char *limit = describe_limit(watch, news);
        _cleanup_free_ char *victim = describe_victim(news);

        if (!limit || !victim) {
                return;
        }
        free(watch->last);
        watch->last = string_format("out of memory (%s): the kernel killed %s", limit, victim);
        if (watch->last) {
                watch->handler(watch->last, watch->data);
        }
}

static void take_news(struct memory_watch *watch)
{
        struct machine_record *record = launch_record(watch->launch);
        struct cgroup_news news;

        /* The group may already be removed. */
        if (cgroup_watch_read(&watch->group, &news) < 0 || news.oom_kills == 0) {
                return;
        }
        record->out_of_memory_kills += news.oom_kills;
        report(watch, &news);
}

static int on_event(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct memory_watch *watch = data;
        const struct machine_record *record = launch_record(watch->launch);
        uint64_t before = record->out_of_memory_kills;
        enum machine_state state;
        bool frozen;

        take_news(watch);
        if (record->out_of_memory_kills == before) {
                return 0;
        }
        /* Ask the kernel whether it is paused: another command may have paused it since this
         * process wrote the record. Failing to write the record is not fatal. */
        state = record->state;
        if (state != MACHINE_STATE_STOPPING) {
                frozen = cgroup_is_frozen(launch_cgroup(watch->launch)) > 0;
                state = frozen ? MACHINE_STATE_PAUSED : MACHINE_STATE_RUNNING;
        }
        (void)launch_save(watch->launch, state, NULL);
        return 0;
}

int memory_watch_start(struct event_loop *loop, struct launch *launch, memory_handler handler,
                       void *data, struct memory_watch **ret, struct machine_error *error)
{
        _cleanup_memory_watch_ struct memory_watch *watch = calloc(1, sizeof *watch);
        int r;

        if (!watch) {
                return error_oom(error);
        }
        watch->group = (struct cgroup_watch)CGROUP_WATCH_INIT;
        watch->launch = launch;
        watch->handler = handler;
        watch->data = data;
        if (!(launch_cgroup(launch)->controllers & CGROUP_MEMORY)) {
                *ret = NULL;
                return 0;
        }
        r = cgroup_watch_open(launch_cgroup(launch), &watch->group, error);
        if (r < 0) {
                return r;
        }
        r = event_add_fd(loop, watch->group.fd, EPOLLPRI, on_event, watch, &watch->source);
        if (r < 0) {
                return error_set(error, r, "cannot watch the memory of the machine");
        }
        *ret = TAKE_PTR(watch);
        return 0;
}

void memory_watch_settle(struct memory_watch *watch, int exit_status)
{
        if (!watch) {
                return;
        }
        take_news(watch);
        if (watch->last && exit_status == 128 + SIGKILL) {
                (void)string_replace(&launch_record(watch->launch)->reason, watch->last);
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process/event.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "base/quantity.h"

#define EVENTS_AT_ONCE 16

enum source_type {
        SOURCE_FD,
        SOURCE_SIGNALS,
        SOURCE_TIMER,
};

struct event_source {
        struct event_loop *loop;
        struct event_source *next;
        enum source_type type;
        int fd;
        bool removed;
        void *data;
        union {
                event_fd_handler fd_handler;
                event_signal_handler signal_handler;
                event_timer_handler timer_handler;
        };
};

struct event_loop {
        int epoll_fd;
        struct event_source *sources;
        bool exiting;
        int exit_code;
};

int event_loop_new(struct event_loop **ret)
{
        struct event_loop *loop = calloc(1, sizeof *loop);

        if (!loop) {
                return -ENOMEM;
        }
        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (loop->epoll_fd < 0) {
                free(loop);
                return -errno;
        }
        *ret = loop;
        return 0;
}

static void source_free(struct event_source *source)
{
        if (source->type != SOURCE_FD && source->fd >= 0) {
                fd_close(source->fd);
        }
        free(source);
}

void event_loop_free(struct event_loop *loop)
{
        struct event_source *next;

        if (!loop) {
                return;
        }
        for (struct event_source *source = loop->sources; source; source = next) {
                next = source->next;
                source_free(source);
        }
        fd_close(loop->epoll_fd);
        free(loop);
}

/* Adds a source, which owns its descriptor unless it is a SOURCE_FD; closes it on failure. */
static int source_add(struct event_loop *loop, struct event_source description, uint32_t events,
                      struct event_source **ret)
{
        struct event_source *source = malloc(sizeof *source);
        struct epoll_event event = { .events = events, .data.ptr = source };

        if (!source) {
                if (description.type != SOURCE_FD) {
                        fd_close(description.fd);
                }
                return -ENOMEM;
        }
        *source = description;
        source->loop = loop;
        if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0) {
                int r = -errno;

                source_free(source);
                return r;
        }
        source->next = loop->sources;
        loop->sources = source;
        if (ret) {
                *ret = source;
        }
        return 0;
}

int event_add_fd(struct event_loop *loop, int fd, uint32_t events, event_fd_handler handler,
                 void *data, struct event_source **ret)
{
        return source_add(
                loop,
                (struct event_source){
                        .type = SOURCE_FD, .fd = fd, .data = data, .fd_handler = handler },
                events, ret);
}

int event_set_events(struct event_source *source, uint32_t events)
{
        struct epoll_event event = { .events = events, .data.ptr = source };

        return epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno
                                                                                        : 0;
}

int event_add_signals(struct event_loop *loop, const sigset_t *signals,
                      event_signal_handler handler, void *data, struct event_source **ret)
{
        int fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);

        if (fd < 0) {
                return -errno;
        }
        return source_add(
                loop,
                (struct event_source){
                        .type = SOURCE_SIGNALS, .fd = fd, .data = data, .signal_handler = handler },
                EPOLLIN, ret);
}

int event_add_timer(struct event_loop *loop, event_timer_handler handler, void *data,
                    struct event_source **ret)
{
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

        if (fd < 0) {
                return -errno;
        }
        return source_add(
                loop,
                (struct event_source){
                        .type = SOURCE_TIMER, .fd = fd, .data = data, .timer_handler = handler },
                EPOLLIN, ret);
}

int event_set_timer(struct event_source *timer, uint64_t usec)
{
        struct itimerspec value = { 0 };

        if (usec != USEC_INFINITY) {
                value.it_value.tv_sec = (time_t)(usec / USEC_PER_SEC);
                value.it_value.tv_nsec = (long)(usec % USEC_PER_SEC * 1000);
                /* All zero would disarm the timer. */
                if (usec == 0) {
                        value.it_value.tv_nsec = 1;
                }
        }
        return timerfd_settime(timer->fd, 0, &value, NULL) < 0 ? -errno : 0;
}

void event_remove(struct event_source *source)
{
        if (source && !source->removed) {
                (void)epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
                source->removed = true;
        }
}

/* Removed sources are freed once no pending event can refer to them. */
static void sweep(struct event_loop *loop)
{
        struct event_source **place = &loop->sources;

        while (*place) {
                struct event_source *source = *place;

                if (!source->removed) {
                        place = &source->next;
                        continue;
                }
                *place = source->next;
                source_free(source);
        }
}

static int dispatch_signals(struct event_source *source)
{
        struct signalfd_siginfo info;
        ssize_t n;

        while (!source->removed && !source->loop->exiting &&
               (n = read(source->fd, &info, sizeof info)) == sizeof info) {
                int r = source->signal_handler(source, &info, source->data);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int dispatch_timer(struct event_source *source)
{
        uint64_t expirations;

        /* Disarmed or rearmed since the event was queued: nothing to read, nothing to do. */
        if (read(source->fd, &expirations, sizeof expirations) != sizeof expirations) {
                return 0;
        }
        return source->timer_handler(source, source->data);
}

static int dispatch(struct event_source *source, uint32_t events)
{
        if (source->removed) {
                return 0;
        }
        switch (source->type) {
        case SOURCE_SIGNALS:
                return dispatch_signals(source);
        case SOURCE_TIMER:
                return dispatch_timer(source);
        case SOURCE_FD:
                break;
        }
        return source->fd_handler(source, source->fd, events, source->data);
}

int event_run(struct event_loop *loop)
{
        struct epoll_event events[EVENTS_AT_ONCE];

        loop->exiting = false;
        while (!loop->exiting) {
                int n = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, -1);

                if (n < 0 && errno != EINTR) {
                        return -errno;
                }
                for (int i = 0; i < n && !loop->exiting; i++) {
                        int r = dispatch(events[i].data.ptr, events[i].events);

                        if (r < 0) {
                                return r;
                        }
                }
                sweep(loop);
        }
        return loop->exit_code;
}

void event_exit(struct event_loop *loop, int code)
{
        loop->exiting = true;
        loop->exit_code = code;
}

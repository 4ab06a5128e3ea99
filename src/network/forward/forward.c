/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/forward/forward.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "network/forward/relay.h"
#include "network/forward/transparent.h"

#define STACK_SIZE (128 * 1024)

struct forwarder {
        pthread_t thread;
        const struct forward_sockets *sockets;
        struct forward_target target;
        int namespace_fd;
        int stop_fd;
        int ready_fd; /* the thread writes 1 - (its errno, negative) when it forwards or has failed
                       */
        struct machine_error *error; /* of forward_start(), until the thread forwards */
};

/* What the thread owns. */
struct work {
        struct event_loop *loop;
        struct stream_relay *streams;
        struct datagram_relay *datagrams;
};

static int on_stop(struct event_source *source, int fd, uint32_t events, void *data)
{
        event_exit(data, 0);
        return 0;
}

static int set_up(const struct forwarder *forwarder, struct work *work)
{
        /* With a root and working directory of its own, the process may still change its mount
         * namespace (setns(2)). */
        int r = unshare(CLONE_FS) < 0 || setns(forwarder->namespace_fd, CLONE_NEWNET) < 0
                        ? -errno
                        : transparent_check(forwarder->error);

        if (r == 0) {
                r = event_loop_new(&work->loop);
        }
        if (r == 0) {
                r = event_add_fd(work->loop, forwarder->stop_fd, EPOLLIN, on_stop, work->loop,
                                 NULL);
        }
        if (r == 0) {
                r = stream_relay_new(work->loop, &forwarder->target, &work->streams);
        }
        if (r == 0) {
                r = datagram_relay_new(work->loop, &forwarder->target, &work->datagrams);
        }
        for (size_t i = 0; r == 0 && i < forwarder->sockets->count; i++) {
                const struct forward_socket *socket = &forwarder->sockets->items[i];

                r = socket->protocol == MACHINE_PROTOCOL_TCP
                            ? stream_relay_listen(work->streams, socket)
                            : datagram_relay_listen(work->datagrams, socket);
        }
        return r;
}

static void *forward(void *data)
{
        const struct forwarder *forwarder = data;
        struct work work = { 0 };
        int r = set_up(forwarder, &work);

        (void)eventfd_write(forwarder->ready_fd, (eventfd_t)(1 - r));
        if (r == 0) {
                (void)event_run(work.loop);
        }
        stream_relay_free(work.streams);
        datagram_relay_free(work.datagrams);
        event_loop_free(work.loop);
        return NULL;
}

/* Signals are the supervisor's, which reads them from a descriptor. */
static int start_thread(struct forwarder *forwarder)
{
        pthread_attr_t attributes;
        sigset_t all, previous;
        int r = pthread_attr_init(&attributes);

        if (r != 0) {
                return -r;
        }
        sigfillset(&all);
        (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
        (void)pthread_sigmask(SIG_SETMASK, &all, &previous);
        r = pthread_create(&forwarder->thread, &attributes, forward, forwarder);
        (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
        (void)pthread_attr_destroy(&attributes);
        return -r;
}

static void free_forwarder(struct forwarder *forwarder)
{
        fd_close(forwarder->stop_fd);
        fd_close(forwarder->ready_fd);
        free(forwarder);
}

/* Waits until the thread forwards. Returns 0 or the errno that it failed with. */
static int await(const struct forwarder *forwarder)
{
        eventfd_t value = 0;

        while (eventfd_read(forwarder->ready_fd, &value) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        return 1 - (int)value;
}

int forward_start(const struct forward_sockets *sockets, const struct forward_target *target,
                  int namespace_fd, struct forwarder **ret, struct machine_error *error)
{
        struct forwarder *forwarder = calloc(1, sizeof(*forwarder));
        int r;

        if (!forwarder) {
                return error_oom(error);
        }
        *forwarder = (struct forwarder){
                .sockets = sockets,
                .target = *target,
                .namespace_fd = namespace_fd,
                .error = error,
                .stop_fd = eventfd(0, EFD_CLOEXEC),
                .ready_fd = eventfd(0, EFD_CLOEXEC),
        };
        r = forwarder->stop_fd < 0 || forwarder->ready_fd < 0 ? -errno : start_thread(forwarder);
        if (r == 0) {
                r = await(forwarder);
                if (r == 0) {
                        *ret = forwarder;
                        return 0;
                }
                (void)pthread_join(forwarder->thread, NULL);
        }
        free_forwarder(forwarder);
        return error_is_set(error)
                       ? r
                       : error_set(error, r, "cannot forward the machine's published ports");
}

void forward_stop(struct forwarder *forwarder)
{
        if (!forwarder) {
                return;
        }
        (void)eventfd_write(forwarder->stop_fd, 1);
        (void)pthread_join(forwarder->thread, NULL);
        free_forwarder(forwarder);
}

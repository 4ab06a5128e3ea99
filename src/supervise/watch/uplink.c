/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/watch/uplink.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "network/network.h"
#include "systemd/scope.h"

/* How often a new program is asked whether it serves. */
#define TRIAL_USEC (1 * USEC_PER_SEC)
/* Until the next attempt if none could be made. */
#define RETRY_USEC (60 * USEC_PER_SEC)
/* Routes change in groups. */
#define ROUTES_USEC (USEC_PER_SEC / 10)

struct uplink_watch {
        struct event_loop *loop;
        struct launch *launch;
        uplink_handler handler;
        void *data;
        int pidfd, routes_fd;
        struct event_source *ended, *routes, *timer;
        bool met;            /* a program was found, or could not be started */
        bool routes_changed; /* since a program was started */
        bool failing;        /* and reported as such */
};

static int renew(struct uplink_watch *watch);

static void say(const struct uplink_watch *watch, char *text)
{
        _cleanup_free_ char *owned = text;

        if (owned) {
                watch->handler(owned, watch->data);
        }
}

static void forget_program(struct uplink_watch *watch)
{
        event_remove(TAKE_PTR(watch->ended));
        watch->pidfd = fd_close(watch->pidfd);
}

/* ---- a program that does not stay ---- */

/* One that runs may be about to end, for a reason that no longer holds. */
static int on_routes(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct uplink_watch *watch = data;
        char buffer[4096];

        while (read(fd, buffer, sizeof(buffer)) > 0) {
        }
        watch->routes_changed = true;
        return watch->pidfd < 0 ? event_set_timer(watch->timer, ROUTES_USEC) : 0;
}

static void watch_routes(struct uplink_watch *watch)
{
        if (watch->routes_fd >= 0) {
                return;
        }
        watch->routes_fd = network_watch_routes();
        if (watch->routes_fd >= 0) {
                (void)event_add_fd(watch->loop, watch->routes_fd, EPOLLIN, on_routes, watch,
                                   &watch->routes);
        }
}

static void forget_routes(struct uplink_watch *watch)
{
        event_remove(TAKE_PTR(watch->routes));
        watch->routes_fd = fd_close(watch->routes_fd);
        watch->routes_changed = false;
}

static void report_failure(struct uplink_watch *watch, char *text)
{
        _cleanup_free_ char *owned = text;

        if (!watch->failing) {
                watch->failing = true;
                say(watch, TAKE_PTR(owned));
        }
}

/* ---- watching ---- */

static int on_ended(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct uplink_watch *watch = data;

        forget_program(watch);
        return renew(watch);
}

/* Without a program, it is time to start one; another is on trial. */
static int on_timer(struct event_source *source, void *data)
{
        struct uplink_watch *watch = data;

        if (watch->pidfd < 0) {
                return renew(watch);
        }
        if (!network_prove_uplink(launch_network(watch->launch))) {
                return event_set_timer(watch->timer, TRIAL_USEC);
        }
        if (watch->failing) {
                watch->failing = false;
                say(watch, string_format("the way out of the machine's network is open"));
        }
        forget_routes(watch);
        return 0;
}

static void report_start(struct uplink_watch *watch, const struct network_uplink *uplink)
{
        /* One that ended before the machine ran, on a host without a route, is about to end again.
         */
        if (!watch->failing && watch->met) {
                say(watch,
                    string_format("the network program %s ended%s%s; started again as "
                                  "process %d",
                                  uplink->name, uplink->last_words ? ": " : "",
                                  uplink->last_words ? uplink->last_words : "", (int)uplink->pid));
        }
}

/* The program serves other machines as well, and must not end with the unit of this one. */
static void adopt(const struct network_uplink *uplink)
{
        _cleanup_free_ char *unit = string_format("machinectl-lite-network-%d.scope", uplink->pid);

        if (unit && uplink->pidfd >= 0) {
                systemd_adopt_process(uplink->pid, unit, "Network of machines");
        }
}

/* It has ended, and is not to be started again yet. */
static int await_start(struct uplink_watch *watch, const struct network_uplink *uplink)
{
        report_failure(watch,
                       string_format("no way out of the machine's network: %s ended (%s); it is "
                                     "started again when the host's routes change, and at least "
                                     "once a minute",
                                     uplink->name,
                                     uplink->last_words ? uplink->last_words : "no reason"));
        watch_routes(watch);
        return event_set_timer(watch->timer, uplink->wait);
}

static int await_end(struct uplink_watch *watch, const struct network_uplink *uplink)
{
        int r;

        watch->routes_changed = false;
        watch->pidfd = uplink->pidfd;
        if (watch->pidfd < 0) {
                return event_set_timer(watch->timer, 0);
        }
        r = event_add_fd(watch->loop, watch->pidfd, EPOLLIN, on_ended, watch, &watch->ended);
        if (r < 0 || (uplink->proven && !watch->failing)) {
                return r;
        }
        watch_routes(watch);
        return event_set_timer(watch->timer, TRIAL_USEC);
}

/* Finds the present program, or starts one. */
static int renew(struct uplink_watch *watch)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct network_uplink uplink = { .pidfd = -EBADF };
        const struct network *network = launch_network(watch->launch);
        int r = network_open_uplink(network, watch->routes_changed, &uplink, &error);

        if (r < 0) {
                report_failure(watch, string_format("no way out of the machine's network: %s",
                                                    error.message));
                watch_routes(watch);
                return event_set_timer(watch->timer, RETRY_USEC);
        }
        if (uplink.started) {
                report_start(watch, &uplink);
        }
        if (uplink.started || (!watch->met && network_started_uplink(network))) {
                adopt(&uplink);
        }
        watch->met = true;
        r = uplink.wait > 0 ? await_start(watch, &uplink) : await_end(watch, &uplink);
        free(uplink.last_words);
        return r;
}

int uplink_watch_start(struct event_loop *loop, struct launch *launch, uplink_handler handler,
                       void *data, struct uplink_watch **ret, struct machine_error *error)
{
        struct uplink_watch *watch;
        int r;

        if (!network_has_uplink(launch_network(launch))) {
                return 0;
        }
        watch = calloc(1, sizeof(*watch));
        if (!watch) {
                return error_oom(error);
        }
        *watch = (struct uplink_watch){
                .loop = loop,
                .launch = launch,
                .handler = handler,
                .data = data,
                .pidfd = -EBADF,
                .routes_fd = -EBADF,
        };
        r = event_add_timer(loop, on_timer, watch, &watch->timer);
        /* Not now: the machine has just begun to run. */
        r = r < 0 ? r : event_set_timer(watch->timer, 0);
        if (r < 0) {
                uplink_watch_free(watch);
                return error_set(error, r, "cannot watch the machine's network program");
        }
        *ret = watch;
        return 0;
}

void uplink_watch_free(struct uplink_watch *watch)
{
        if (!watch) {
                return;
        }
        forget_program(watch);
        forget_routes(watch);
        event_remove(watch->timer);
        free(watch);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/watch/resolver.h"

#include <string.h>

#include "base/error.h"
#include "supervise/watch/host_resolver.h"

struct resolver_watch {
        struct launch *launch;
        struct host_resolver *host;
};

static void update(struct launch *launch)
{
        int r = launch_update_resolver(launch);

        if (r < 0) {
                log_warning(launch_log(launch), "machine \"%s\" keeps its old name servers: %s",
                            launch_record(launch)->name, strerror(-r));
        }
}

/* Without a watch the machine runs all the same. */
static void on_host(int number, void *data)
{
        struct resolver_watch *watch = data;
        struct launch *launch = watch->launch;

        if (number < 0) {
                log_warning(
                        launch_log(launch),
                        "machine \"%s\" will not follow changes of the host's name servers: %s%s",
                        launch_record(launch)->name, strerror(-number),
                        number == -EMFILE ? " (raise fs.inotify.max_user_instances with sysctl)"
                                          : "");
        } else {
                update(launch);
        }
}

int resolver_watch_start(struct event_loop *loop, struct launch *launch,
                         struct resolver_watch **ret, struct machine_error *error)
{
        struct resolver_watch *watch;
        int r;

        if (!launch_follows_resolver(launch)) {
                return 0;
        }
        watch = malloc(sizeof *watch);
        if (!watch) {
                return error_oom(error);
        }
        *watch = (struct resolver_watch){ .launch = launch };
        r = host_resolver_watch(loop, launch_runtime_directory(launch), on_host, watch,
                                &watch->host);
        if (r < 0) {
                free(watch);
                return error_oom(error);
        }
        *ret = watch;
        return 0;
}

void resolver_watch_free(struct resolver_watch *watch)
{
        if (watch) {
                host_resolver_free(watch->host);
                free(watch);
        }
}

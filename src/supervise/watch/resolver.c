/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/watch/resolver.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/error.h"
#include "rootfs/rootfs.h"

/* Replaced files and links are events of the directory. Files written in place, which may also be
 * mounts, have events of their own. */
#define DIRECTORY_EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define FILE_EVENTS      (IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

#define EVENT_BYTES (16 * (sizeof(struct inotify_event) + NAME_MAX + 1))

struct resolver_watch {
        struct launch *launch;
        struct event_source *source;
        int inotify;
};

static void add_directory_of(struct resolver_watch *watch, const char *path)
{
        char copy[PATH_MAX];

        (void)snprintf(copy, sizeof copy, "%s", path);
        (void)inotify_add_watch(watch->inotify, dirname(copy), DIRECTORY_EVENTS);
}

/* Adding an existing watch changes nothing. A missing file is an event of the directory when it is
 * created. */
static void add_watches(struct resolver_watch *watch)
{
        static const char *const paths[] = { ROOTFS_RESOLVER, ROOTFS_RESOLVED_SERVERS };

        for (size_t i = 0; i < ELEMENTS_OF(paths); i++) {
                char real[PATH_MAX];

                add_directory_of(watch, paths[i]);
                if (realpath(paths[i], real)) {
                        add_directory_of(watch, real);
                        (void)inotify_add_watch(watch->inotify, real, FILE_EVENTS);
                }
        }
}

/* Ignores events of other files in /etc. */
static bool is_about_resolver(const char *events, ssize_t length)
{
        for (ssize_t at = 0; at < length;) {
                const struct inotify_event *event = (const void *)(events + at);

                if (event->len == 0 || strstr(event->name, "resolv")) {
                        return true;
                }
                at += (ssize_t)(sizeof *event + event->len);
        }
        return false;
}

static void update(struct resolver_watch *watch)
{
        int r = launch_update_resolver(watch->launch);

        if (r < 0) {
                log_warning(launch_log(watch->launch),
                            "machine \"%s\" keeps its old name servers: %s",
                            launch_record(watch->launch)->name, strerror(-r));
        }
}

static int on_changed(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct resolver_watch *watch = data;
        _Alignas(struct inotify_event) char buffer[EVENT_BYTES];
        ssize_t length = read(fd, buffer, sizeof buffer);

        if (length > 0 && is_about_resolver(buffer, length)) {
                add_watches(watch);
                update(watch);
        }
        return 0;
}

/* inotify instances are limited per user; running out of them must not prevent a start. */
static void warn_not_watched(struct launch *launch, int number)
{
        log_warning(launch_log(launch),
                    "machine \"%s\" will not follow changes of the host's name servers: %s%s",
                    launch_record(launch)->name, strerror(-number),
                    number == -EMFILE ? " (raise fs.inotify.max_user_instances with sysctl)" : "");
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
        *watch = (struct resolver_watch){
                .launch = launch,
                .inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
        };
        r = watch->inotify < 0 ? -errno
                               : event_add_fd(loop, watch->inotify, EPOLLIN, on_changed, watch,
                                              &watch->source);
        if (r < 0) {
                resolver_watch_free(watch);
                warn_not_watched(launch, r);
                return 0;
        }
        add_watches(watch);
        /* It may have changed since the start. */
        update(watch);
        *ret = watch;
        return 0;
}

void resolver_watch_free(struct resolver_watch *watch)
{
        if (!watch) {
                return;
        }
        event_remove(watch->source);
        fd_close(watch->inotify);
        free(watch);
}

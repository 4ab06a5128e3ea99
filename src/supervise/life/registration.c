/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/registration.h"
#include "base/rights/caller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/process/process.h"
#include "systemd/manager.h"

struct registration {
        char *name;
        pid_t process; /* the registering process until it is reaped, else 0 */
        int pidfd;
        struct event_source *ended;
};

static void reap(struct registration *registration)
{
        event_remove(TAKE_PTR(registration->ended));
        registration->pidfd = fd_close(registration->pidfd);
        if (registration->process > 0) {
                (void)process_wait(registration->process);
        }
        registration->process = 0;
}

static int on_ended(struct event_source *source, int fd, uint32_t events, void *data)
{
        reap(data);
        return 0;
}

/* systemd-machined accepts only host names: "web-blue" for "web@blue". */
static char *registered_name(const struct machine *machine)
{
        char *name = strdup(machine->name);
        char *at = name ? strchr(name, '@') : NULL;

        if (at) {
                *at = '-';
        }
        return name;
}

struct registration *registration_begin(struct event_loop *loop, struct launch *launch,
                                        const struct machine *machine, const char *unit)
{
        struct registration *registration;

        /* The system's manager of machines takes root's alone. */
        if (!systemd_is_booted() || !caller_is_root()) {
                return NULL;
        }
        registration = calloc(1, sizeof *registration);
        if (!registration) {
                return NULL;
        }
        registration->name = registered_name(machine);
        registration->process =
                !registration->name
                        ? 0
                        : systemd_register_machine(registration->name, launch_machine_id(launch),
                                                   unit, launch_record(launch)->init.pid,
                                                   machine->root.directory);
        registration->pidfd =
                registration->process > 0 ? pidfd_open(registration->process, 0) : -EBADF;
        if (registration->pidfd >= 0) {
                (void)event_add_fd(loop, registration->pidfd, EPOLLIN, on_ended, registration,
                                   &registration->ended);
        }
        return registration;
}

void registration_end(struct registration *registration)
{
        if (!registration) {
                return;
        }
        reap(registration);
        if (registration->name) {
                systemd_unregister_machine(registration->name);
        }
        free(registration->name);
        free(registration);
}

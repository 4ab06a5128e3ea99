/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The socket on which a machine reports its readiness (sd_notify(3)). */

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "launch/context.h"
#include "launch/steps.h"

bool launch_wants_notify(const struct launch *launch)
{
        return launch->options.notify;
}

/* A socket in the directory that becomes /run/host in the machine: only the machine can reach it,
 * by its path there. */
int launch_set_up_notify(struct launch *launch, struct machine_error *error)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int directory = rootfs_host_directory(launch->rootfs);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        launch->notify_socket = fd;
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/notify", directory);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            fchmodat(directory, "notify", 0666, 0) < 0) {
                return error_set(error, errno, "cannot create the machine's notify socket");
        }
        return 0;
}

int launch_tear_down_notify(struct launch *launch, struct machine_error *error)
{
        launch->notify_socket = fd_close(launch->notify_socket);
        return 0;
}

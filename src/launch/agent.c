/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The agent that answers system calls with SCMP_ACT_NOTIFY. Its connection is made before anything
 * is, and waits with the first process: when that installs its filter, nobody else may be there. */

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "launch/context.h"

#define STATE_MAXIMUM ((size_t)1 << 20)

bool launch_wants_agent(const struct launch *launch)
{
        return launch_is_container(launch) &&
               (launch->filter.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

/* By a descriptor of its directory: the path may be longer than an address. */
static int connect_to(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = strndup(path, (size_t)(slash - path) + 1);
        _cleanup_close_ int directory =
                parent ? open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int n;

        if (!parent) {
                return -ENOMEM;
        }
        if (directory < 0 || fd < 0) {
                return -errno;
        }
        n = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory,
                     slash + 1);
        if (n >= (int)sizeof address.sun_path) {
                return -ENAMETOOLONG;
        }
        return connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : TAKE_FD(fd);
}

int launch_set_up_agent(struct launch *launch, struct machine_error *error)
{
        const char *path = launch->machine->security.seccomp.listener;

        launch->agent = connect_to(path);
        if (launch->agent < 0) {
                return error_set(error, launch->agent,
                                 "linux.seccomp.listenerPath: cannot connect to the agent at "
                                 "\"%s\"",
                                 path);
        }
        launch->agent_text = memfd_create("agent-state", MFD_CLOEXEC);
        return launch->agent_text < 0
                       ? error_set(error, errno, "cannot create a file for the agent's state")
                       : 0;
}

int launch_set_up_agent_text(struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *text =
                string_format("%s%d},\"pid\":%d}", launch->options.container->agent_state,
                              launch->pid, launch->pid);
        ssize_t n;

        if (!text) {
                return error_oom(error);
        }
        /* The first process has the same file, at its beginning. */
        n = pwrite(launch->agent_text, text, strlen(text), 0);
        return n < 0 ? error_set(error, errno, "cannot write the agent's state") : 0;
}

int launch_read_agent_text(const struct launch *launch, char **ret, struct machine_error *error)
{
        int r = file_read_fd(launch->agent_text, STATE_MAXIMUM, ret, NULL);

        return r < 0 ? error_set(error, r, "cannot read the agent's state") : 0;
}

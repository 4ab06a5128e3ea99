/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The socket on which a container reports its readiness (sd_notify(3)). It is in a directory beside
 * the record, which the container has read-only; who waits for a report binds it there. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/strings.h"
#include "launch/context.h"

/* Where the container has it, as with runc. */
#define DIRECTORY "/run/notify"
#define SOCKET    "notify.sock"

static int add_mount(struct machine *machine, const char *source)
{
        static const char *const options[] = { "bind", "ro", "nosuid", "nodev", "noexec" };
        struct machine_mount *mount =
                reallocarray(machine->mounts, machine->mount_count + 1, sizeof *mount);

        if (!mount) {
                return -ENOMEM;
        }
        machine->mounts = mount;
        mount += machine->mount_count++;
        *mount = (struct machine_mount){
                .type = MACHINE_MOUNT_BIND,
                .source = strdup(source),
                .target = strdup(DIRECTORY),
                .size = MACHINE_UNSET,
                .mode = MACHINE_UNSET,
                .create = true,
        };
        for (size_t i = 0; i < ELEMENTS_OF(options); i++) {
                if (strv_append(&mount->options, options[i]) < 0) {
                        return -ENOMEM;
                }
        }
        return mount->source && mount->target ? 0 : -ENOMEM;
}

bool launch_wants_notify_directory(const struct launch *launch)
{
        return launch_is_container(launch) && launch->options.container->notifies;
}

int launch_set_up_notify_directory(struct launch *launch, struct machine_error *error)
{
        struct machine *machine = launch->machine;
        _cleanup_free_ char *path = NULL;
        int r = state_make_notify_directory(&launch->store, machine->name, &path);

        if (r < 0) {
                return error_set(error, r, "cannot create the directory of the notify socket in %s",
                                 launch->store.path);
        }
        return add_mount(machine, path) < 0 ||
                               strv_set_variable(&machine->process.environment,
                                                 strdup("NOTIFY_SOCKET=" DIRECTORY "/" SOCKET)) < 0
                       ? error_oom(error)
                       : 0;
}

/* By the descriptor of its directory: that path is always short enough. A privileged container can
 * make the directory writable and put anything in the place of the socket: nothing follows a link
 * there, and the mode is that of its creation. */
static int bind_in(int directory)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        mode_t mask;
        int r;

        if (fd < 0 || (unlinkat(directory, SOCKET, 0) < 0 && errno != ENOENT)) {
                return -errno;
        }
        (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET,
                       directory);
        mask = umask(0111);
        r = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
        (void)umask(mask);
        return r < 0 ? r : TAKE_FD(fd);
}

int launch_listen_for_readiness(const struct state_store *store, const char *name,
                                struct machine_error *error)
{
        _cleanup_close_ int directory = state_open_notify_directory(store, name);
        int r = directory < 0 ? directory : bind_in(directory);

        return r < 0 && r != -ENOENT
                       ? error_set(error, r, "cannot create the notify socket of container \"%s\"",
                                   name)
                       : r;
}

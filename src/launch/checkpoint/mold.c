/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/checkpoint/mold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "launch/checkpoint/mounts.h"
#include "launch/init/message.h"
#include "rootfs/mount/mount.h"

/* In the tree: the mount points, in order. */
#define LIST         "list"
#define LIST_MAXIMUM (1U << 20)

/* A place that every machine has, and where nothing is needed any more. */
#define PLACE "/proc"

#define NAME_BYTES 24

/* ---- the first process ---- */

static int open_all(char *const *points, int *fds, struct machine_error *error)
{
        for (size_t i = 0; points[i]; i++) {
                fds[i] = mount_clone(AT_FDCWD, points[i], false);
                if (fds[i] < 0) {
                        return error_set(error, fds[i], "cannot take the mount \"%s\"", points[i]);
                }
        }
        return 0;
}

static int attach(int directory, size_t index, int mount)
{
        char name[NAME_BYTES];
        struct stat status;
        int r;

        (void)snprintf(name, sizeof name, "%zu", index);
        if (fstat(mount, &status) < 0) {
                return -errno;
        }
        r = S_ISDIR(status.st_mode) ? mkdirat(directory, name, 0700)
                                    : mknodat(directory, name, S_IFREG | 0600, 0);
        return r < 0 ? -errno : mount_attach(mount, directory, name);
}

static int make_tree(char *const *points, const int *fds, struct machine_error *error)
{
        static const struct mount_option options[] = { { "mode", "0700" }, { 0 } };
        _cleanup_free_ char *list = strv_join(points, "\n");
        _cleanup_close_ int tree = list ? mount_new("tmpfs", options, 0, error) : error_oom(error);
        _cleanup_close_ int place = -EBADF;
        int r = tree;

        if (r >= 0) {
                place = open(PLACE, O_PATH | O_DIRECTORY | O_CLOEXEC);
                r = place < 0 ? -errno : mount_attach_over(tree, place);
        }
        for (size_t i = 0; r >= 0 && points[i]; i++) {
                r = attach(tree, i, fds[i]);
        }
        r = r < 0 ? r : file_replace(tree, LIST, list, strlen(list), 0600);
        return r < 0 ? error_wrap(error, r, "cannot collect the machine's mounts") : 0;
}

static int give_tree(const struct launch *launch, struct machine_error *error)
{
        _cleanup_close_ int tree = mount_clone(AT_FDCWD, PLACE, true);
        int r = tree < 0 ? tree : message_send_fd(launch->sockets[1], MESSAGE_ROOT, tree);

        return r < 0 ? error_set(error, r, "cannot pass the machine's mounts to the supervisor")
                     : 0;
}

int launch_give_mold(struct launch *launch, struct machine_error *error)
{
        _cleanup_strv_ char **points = NULL;
        _cleanup_free_ int *fds = NULL;
        int r = checkpoint_list_mounts(0, &points, error);

        if (r == 0) {
                fds = calloc(strv_length(points), sizeof *fds);
                r = fds ? open_all(points, fds, error) : error_oom(error);
        }
        r = r < 0 ? r : make_tree(points, fds, error);
        r = r < 0 ? r : give_tree(launch, error);
        if (r < 0) {
                return r;
        }
        _exit(EXIT_SUCCESS);
}

/* ---- the supervisor ---- */

static int read_list(int tree, char ***ret, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(tree, LIST, LIST_MAXIMUM, &text, NULL);

        r = r < 0 ? r : strv_split(text, '\n', ret);
        return r < 0 ? error_set(error, r, "cannot read the list of the machine's mounts") : 0;
}

static int take_tree(int tree, char ***ret, struct machine_error *error)
{
        int r = read_list(tree, ret, error);

        if (r < 0) {
                return r;
        }
        r = mkdirat(AT_FDCWD, MOLD_PLACE, 0700) < 0 ? -errno
                                                    : mount_attach(tree, AT_FDCWD, MOLD_PLACE);
        return r < 0 ? error_set(error, r, "cannot attach the machine's mounts") : 0;
}

/* The process has no more to do: its namespaces are not the machine's. */
static int end(struct launch *launch, struct machine_error *error)
{
        int status = launch_reap(launch);

        launch->pid = 0;
        launch->reaped = false;
        launch->exit_status = 0;
        launch->pidfd = fd_close(launch->pidfd);
        launch->network_namespace = fd_close(launch->network_namespace);
        launch->sockets[0] = fd_close(launch->sockets[0]);
        launch->record.init = (struct process_identity){ 0 };
        return status == 0 ? 0
                           : error_say(error, ECHILD,
                                       "the process that makes the machine's mounts ended with "
                                       "status %d",
                                       status);
}

int mold_take(struct launch *launch, char ***ret, struct machine_error *error)
{
        _cleanup_close_ int tree = -EBADF;
        int r = launch_await_mold(launch, &tree, error);

        r = r < 0 ? r : end(launch, error);
        return r < 0 ? r : take_tree(tree, ret, error);
}

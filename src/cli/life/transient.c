/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/life/transient.h"
#include "base/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "cli/life/remove.h"

static char *directory_of(const struct cli *cli)
{
        return path_join(cli->directories.state, "transient");
}

/* Returns whether the locked file still has that name: the previous holder of the lock may have
 * removed it. */
static bool is_named(const char *path, int fd)
{
        struct stat held, named;

        return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino;
}

int cli_hold_transient(const struct cli *cli, const char *name, struct machine_error *error)
{
        _cleanup_free_ char *directory = directory_of(cli);
        _cleanup_free_ char *path = directory ? path_join(directory, name) : NULL;
        int r = path ? directory_make(directory, 0700) : -ENOMEM;

        while (r == 0) {
                _cleanup_close_ int fd = file_lock(AT_FDCWD, path, LOCK_EX);

                if (fd >= 0 && is_named(path, fd)) {
                        return TAKE_FD(fd);
                }
                r = fd < 0 ? fd : 0;
        }
        return error_set(error, r, "cannot note in %s that machine \"%s\" is transient",
                         cli->directories.state, name);
}

void cli_release_transient(const struct cli *cli, const char *name, int lock)
{
        _cleanup_free_ char *directory = directory_of(cli);
        _cleanup_free_ char *path = directory ? path_join(directory, name) : NULL;

        if (path && lock >= 0) {
                (void)unlink(path);
        }
        fd_close(lock);
}

static int collect(struct cli *cli, const char *name, int lock, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        bool found;
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = cli_remove_machine(cli, &store, name, &found, error);
        }
        if (r == 0) {
                cli_release_transient(cli, name, lock);
        } else {
                error_prefix(error, "removing the remains of machine \"%s\"", name);
                fd_close(lock);
        }
        return r;
}

int cli_collect_transient(struct cli *cli, struct machine_error *error)
{
        _cleanup_free_ char *path = directory_of(cli);
        _cleanup_close_ int fd = -EBADF;
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int result = 0;

        if (!path) {
                return error_oom(error);
        }
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || directory_open(fd, &directory) < 0) {
                return errno == ENOENT ? 0 : error_set(error, errno, "cannot read %s", path);
        }
        while ((entry = directory_next(directory))) {
                int lock = entry->d_name[0] == '.'
                                   ? -EINVAL
                                   : file_lock(fd, entry->d_name, LOCK_EX | LOCK_NB);

                if (lock >= 0) {
                        int r = collect(cli, entry->d_name, lock, error);

                        result = r < 0 ? r : result;
                }
        }
        return result;
}

void cli_collect_transient_before_start(struct cli *cli)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

        if (cli_collect_transient(cli, &failure) < 0) {
                log_warning(&cli->log, "%s", failure.message);
        }
}

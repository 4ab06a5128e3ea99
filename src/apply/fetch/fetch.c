/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/fetch/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/fetch/archive.h"
#include "apply/fetch/git.h"
#include "apply/fetch/stage.h"
#include "base/file.h"
#include "base/rights/trust.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "base/tree/tree.h"

#define TEMPORARY "apply-"

void fetched_clear(struct fetched *fetched)
{
        if (fetched->temporary) {
                (void)tree_remove(AT_FDCWD, fetched->temporary, NULL);
        }
        fd_close(fetched->lock);
        free(fetched->temporary);
        free(fetched->tree);
        free(fetched->revision);
        *fetched = (struct fetched)FETCHED_INIT;
}

/* "host:path" as well, as ssh(1) has it, unless it is a file here. */
bool fetch_is_url(const char *origin)
{
        const char *colon = strchr(origin, ':'), *slash = strchr(origin, '/');

        return strstr(origin, "://") ||
               (colon && (!slash || colon < slash) && access(origin, F_OK) < 0);
}

int fetch_origin(const char *origin, char **ret, struct machine_error *error)
{
        int r;

        if (strcmp(origin, "-") == 0 || fetch_is_url(origin)) {
                *ret = strdup(origin);
                return *ret ? 0 : error_oom(error);
        }
        *ret = realpath(origin, NULL);
        if (*ret) {
                return 0;
        }
        r = error_set(error, errno, "cannot open the directory %s", origin);
        error_kind(error, MACHINE_ERROR_NO_INPUT);
        return r;
}

/* What an apply that was killed has left: nobody has locked it. */
static void remove_leftovers(const char *runtime_directory)
{
        _cleanup_closedir_ DIR *handle = NULL;
        const struct dirent *entry;

        if (directory_open_at(AT_FDCWD, runtime_directory, &handle) < 0) {
                return;
        }
        while ((entry = directory_next(handle))) {
                _cleanup_close_ int fd = string_after(entry->d_name, TEMPORARY)
                                                 ? openat(dirfd(handle), entry->d_name,
                                                          O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                                 : -EBADF;

                if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
                        (void)tree_remove(dirfd(handle), entry->d_name, NULL);
                }
        }
}

/* Returns 0, -EAGAIN if it was taken for a leftover in the meantime, or another -errno. */
static int lock_temporary(const char *path, int *ret)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat status;

        if (fd < 0) {
                return errno == ENOENT ? -EAGAIN : -errno;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        }
        if (stat(path, &status) < 0) {
                return errno == ENOENT ? -EAGAIN : -errno;
        }
        *ret = TAKE_FD(fd);
        return 0;
}

static int make_temporary(const struct fetch_request *request, struct fetched *ret,
                          struct machine_error *error)
{
        int r;

        remove_leftovers(request->runtime_directory);
        do {
                _cleanup_free_ char *path =
                        string_format("%s/" TEMPORARY "XXXXXX", request->runtime_directory);

                if (!path) {
                        return error_oom(error);
                }
                r = mkdtemp(path) ? lock_temporary(path, &ret->lock) : -errno;
                if (r == 0) {
                        ret->temporary = TAKE_PTR(path);
                }
        } while (r == -EAGAIN);
        return r < 0 ? error_set(error, r, "cannot create a directory in %s",
                                 request->runtime_directory)
                     : 0;
}

static int fetch_directory(const struct fetch_request *request, struct fetched *ret,
                           struct machine_error *error)
{
        const struct stage_options options = { .trusted_owner = request->trusted_owner };
        char digest[STAGE_DIGEST_SIZE];
        struct stat status;
        int r;

        if (stat(request->origin, &status) == 0 && !S_ISDIR(status.st_mode)) {
                error_say(error, ENOTDIR, "%s is not a directory", request->origin);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = stage_tree(request->origin, NULL, &options, digest, error);
        if (r < 0) {
                return r;
        }
        ret->tree = strdup(request->origin);
        ret->revision = strdup(digest);
        return ret->tree && ret->revision ? 0 : error_oom(error);
}

int fetch_tree(const struct fetch_request *request, struct fetched *ret,
               struct machine_error *error)
{
        bool input = strcmp(request->origin, "-") == 0;
        int r;

        if (!input && !fetch_is_url(request->origin)) {
                return fetch_directory(request, ret, error);
        }
        r = make_temporary(request, ret, error);
        if (r < 0) {
                return r;
        }
        return input ? archive_read_input(ret, error) : git_fetch(request, ret, error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/member.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"

#define LOCK_FILE    "user-namespace.lock"
#define FILE_MAXIMUM 256

static char *file_path(const char *runtime_directory, bool self)
{
        return path_join(runtime_directory, self ? "user-namespace-self" : "user-namespace");
}

int member_lock(const char *runtime_directory, struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(runtime_directory, LOCK_FILE);
        int r = path ? directory_make(runtime_directory, 0700) : -ENOMEM;

        if (r == 0) {
                r = file_lock(AT_FDCWD, path, LOCK_EX);
        }
        return r < 0 ? error_set(error, r, "cannot lock %s", path ? path : LOCK_FILE) : r;
}

int member_load(const char *runtime_directory, bool self, struct process_identity *ret)
{
        _cleanup_free_ char *path = file_path(runtime_directory, self), *text = NULL;
        struct process_identity identity = { 0 };

        if (!path || file_read(AT_FDCWD, path, FILE_MAXIMUM, &text, NULL) < 0 ||
            sscanf(text, "%d %" SCNu64 " %36s", &identity.pid, &identity.start_time,
                   identity.boot_id) != 3 ||
            identity.pid <= 0) {
                return -ENOENT;
        }
        *ret = identity;
        return 0;
}

int member_save(const char *runtime_directory, bool self, struct machine_error *error)
{
        _cleanup_free_ char *path = file_path(runtime_directory, self), *text = NULL;
        struct process_identity own;
        int r = process_identify(0, &own);

        if (r == 0) {
                text = string_format("%d %" PRIu64 " %s\n", own.pid, own.start_time, own.boot_id);
                r = path && text ? file_replace(AT_FDCWD, path, text, strlen(text), 0600) : -ENOMEM;
        }
        return r < 0 ? error_set(error, r, "cannot write %s", path ? path : "user-namespace") : 0;
}

int member_register(const char *runtime_directory, bool self, struct machine_error *error)
{
        _cleanup_close_ int lock = member_lock(runtime_directory, error);

        return lock < 0 ? lock : member_save(runtime_directory, self, error);
}

int member_hold_directory(const char *runtime_directory, struct machine_error *error)
{
        _cleanup_close_ int fd = open(runtime_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || flock(fd, LOCK_SH) < 0) {
                return error_set(error, errno, "cannot lock %s", runtime_directory);
        }
        return TAKE_FD(fd);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/member.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
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

int member_load(const char *runtime_directory, bool self, struct member *ret)
{
        _cleanup_free_ char *path = file_path(runtime_directory, self), *text = NULL;
        struct process_identity identity = { 0 };
        char kind[sizeof "leaves"] = "";
        int r = path ? file_read(AT_FDCWD, path, FILE_MAXIMUM, &text, NULL) : -ENOMEM;

        if (r < 0 ||
            sscanf(text, "%d %" SCNu64 " %36s %6s", &identity.pid, &identity.start_time,
                   identity.boot_id, kind) < 3 ||
            identity.pid <= 0) {
                return -ENOENT;
        }
        *ret = (struct member){ identity, strcmp(kind, "leaves") != 0 };
        return 0;
}

int member_save(const char *runtime_directory, bool self, const struct member *member,
                struct machine_error *error)
{
        const struct process_identity *process = &member->process;
        _cleanup_free_ char *path = file_path(runtime_directory, self), *text = NULL;
        int r = -ENOMEM;

        text = string_format("%d %" PRIu64 " %s%s\n", process->pid, process->start_time,
                             process->boot_id, member->stays ? "" : " leaves");
        if (path && text) {
                r = file_replace(AT_FDCWD, path, text, strlen(text), 0600);
        }
        return r < 0 ? error_set(error, r, "cannot write %s", path ? path : "user-namespace") : 0;
}

int member_register(const char *runtime_directory, bool self,
                    const struct process_identity *supervisor, struct machine_error *error)
{
        _cleanup_close_ int lock = member_lock(runtime_directory, error);
        struct member member;

        if (lock < 0 || (member_load(runtime_directory, self, &member) == 0 && member.stays &&
                         process_is_alive(&member.process))) {
                return lock < 0 ? lock : 0;
        }
        member = (struct member){ *supervisor, true };
        return member_save(runtime_directory, self, &member, error);
}

int member_hold_directory(const char *runtime_directory, struct machine_error *error)
{
        _cleanup_close_ int fd = open(runtime_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || flock(fd, LOCK_SH) < 0) {
                return error_set(error, errno, "cannot lock %s", runtime_directory);
        }
        return TAKE_FD(fd);
}

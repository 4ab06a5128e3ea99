/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the processes of a machine have that is not in it. */

#include "launch/checkpoint/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "cgroup/tree/processes.h"
#include "cgroup/tree/tree.h"

#define STATUS_MAXIMUM (16U << 10)
#define MOUNTS_MAXIMUM (4U << 20)
#define DEPTH_MAXIMUM  4096
#define PIPES_MAXIMUM  2

void checkpoint_names_clear(struct checkpoint_names *names)
{
        free(names->streams[0]);
        free(names->streams[1]);
        free(names->program);
        strv_free(names->nulls);
        *names = (struct checkpoint_names){ 0 };
}

/* ---- the tree ---- */

static pid_t parent_of(pid_t pid)
{
        _cleanup_free_ char *path = string_format("/proc/%d/status", pid), *text = NULL;
        const char *line;

        if (!path || file_read(AT_FDCWD, path, STATUS_MAXIMUM, &text, NULL) < 0) {
                return 0;
        }
        line = strstr(text, "\nPPid:");
        return line ? (pid_t)atoi(line + strlen("\nPPid:")) : 0;
}

/* 1 for one that is not below the first process. One that has ended is no stranger. */
static int find_stranger(void *data, pid_t pid)
{
        const pid_t *init = data;
        pid_t above = pid;

        for (unsigned int i = 0; above > 1 && above != *init && i < DEPTH_MAXIMUM; i++) {
                above = parent_of(above);
        }
        return above != *init && parent_of(pid) > 0;
}

int processes_await_tree(const struct cgroup *group, pid_t init, uint64_t timeout,
                         struct machine_error *error)
{
        uint64_t end = log_now() + timeout;
        int r;

        while ((r = cgroup_for_each_process(group, find_stranger, &init)) > 0 && log_now() < end) {
                (void)usleep(20000);
        }
        if (r > 0) {
                error_say(error, EBUSY,
                          "a program that \"exec\" or a health check has brought runs in the "
                          "machine, and its end is outside");
                error_hint(error, "end it first: machinectl-lite top shows the processes");
                return -EBUSY;
        }
        return r < 0 ? error_set(error, r, "cannot list the machine's processes") : 0;
}

/* ---- descriptors ---- */

struct finding {
        const struct machine_record *record;
        struct checkpoint_names *names;
        char *mounts;               /* of the machine */
        ino_t pipes[PIPES_MAXIMUM]; /* of the supervisor, in the order of their descriptors */
        size_t pipe_count;
        struct machine_error *error;
};

/* The mount that an open file is on. */
static int mount_of(const char *information, uint64_t *ret)
{
        _cleanup_free_ char *text = NULL;
        const char *line;
        int r = file_read(AT_FDCWD, information, STATUS_MAXIMUM, &text, NULL);

        line = r < 0 ? NULL : strstr(text, "mnt_id:");
        return line && sscanf(line, "mnt_id: %" SCNu64, ret) == 1 ? 0 : r < 0 ? r : -EBADMSG;
}

static bool has_mount(const char *mounts, uint64_t id)
{
        char start[24];
        int length = snprintf(start, sizeof start, "%" PRIu64 " ", id);

        for (const char *line = mounts; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, start, (size_t)length) == 0) {
                        return true;
                }
                if (!*line) {
                        break;
                }
        }
        return false;
}

/* CRIU's name of a file that is on no mount of the machine. */
static char *name_of_file(uint64_t mount, const struct stat *status)
{
        return string_format("file[%" PRIx64 ":%" PRIx64 "]", mount, (uint64_t)status->st_ino);
}

static bool is_null(const struct stat *status)
{
        return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

static int look_at_pipe(struct finding *finding, const struct stat *status)
{
        for (size_t i = 0; i < finding->pipe_count; i++) {
                char **place = &finding->names->streams[i];

                if (finding->pipes[i] == status->st_ino && !*place) {
                        *place = string_format("pipe:[%" PRIu64 "]", (uint64_t)status->st_ino);
                        return *place ? 0 : error_oom(finding->error);
                }
        }
        return 0;
}

static int look_at_file(struct finding *finding, pid_t pid, const char *information,
                        const char *target, const struct stat *status)
{
        _cleanup_free_ char *name = NULL;
        uint64_t mount;

        if (mount_of(information, &mount) < 0 || has_mount(finding->mounts, mount)) {
                return 0;
        }
        if (!is_null(status)) {
                return error_say(finding->error, EOPNOTSUPP,
                                 "process %d has %s open, which is not in the machine", (int)pid,
                                 target);
        }
        name = name_of_file(mount, status);
        if (!name) {
                return error_oom(finding->error);
        }
        return strv_contains(finding->names->nulls, name) ||
                               strv_append(&finding->names->nulls, name) == 0
                       ? 0
                       : error_oom(finding->error);
}

static int look_at(struct finding *finding, pid_t pid, int directory, const char *number)
{
        _cleanup_free_ char *information = string_format("/proc/%d/fdinfo/%s", pid, number);
        char target[256];
        struct stat status;
        ssize_t n = readlinkat(directory, number, target, sizeof target - 1);

        if (!information) {
                return error_oom(finding->error);
        }
        if (n < 0 || fstatat(directory, number, &status, 0) < 0) {
                return 0; /* it is closed by now */
        }
        target[n] = '\0';
        if (S_ISFIFO(status.st_mode) && string_after(target, "pipe:")) {
                return look_at_pipe(finding, &status);
        }
        return target[0] == '/' ? look_at_file(finding, pid, information, target, &status) : 0;
}

static int for_each_descriptor(struct finding *finding, pid_t pid,
                               int (*act)(struct finding *finding, pid_t pid, int directory,
                                          const char *number))
{
        _cleanup_free_ char *path = string_format("/proc/%d/fd", pid);
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int r = path ? directory_open_at(AT_FDCWD, path, &directory) : -ENOMEM;

        if (r < 0) {
                return r == -ENOENT ? 0 : error_set(finding->error, r, "cannot read %s", path);
        }
        while (r == 0 && (entry = directory_next(directory))) {
                r = act(finding, pid, dirfd(directory), entry->d_name);
        }
        return r;
}

/* The reading ends of the machine's output: opened in this order. */
static int note_pipe(struct finding *finding, pid_t pid, int directory, const char *number)
{
        struct stat status;

        if (finding->pipe_count < PIPES_MAXIMUM && fstatat(directory, number, &status, 0) == 0 &&
            S_ISFIFO(status.st_mode)) {
                for (size_t i = 0; i < finding->pipe_count; i++) {
                        if (finding->pipes[i] == status.st_ino) {
                                return 0;
                        }
                }
                finding->pipes[finding->pipe_count++] = status.st_ino;
        }
        return 0;
}

static int look_at_process(void *data, pid_t pid)
{
        return for_each_descriptor(data, pid, look_at);
}

/* ---- the program of the first process ---- */

static int name_program(struct finding *finding)
{
        _cleanup_free_ char *path = string_format("/proc/%d/exe", finding->record->init.pid);
        _cleanup_close_ int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;
        struct stat status;
        uint64_t mount;
        char own[64];

        if (fd < 0 || fstat(fd, &status) < 0) {
                return error_set(finding->error, errno, "cannot open the machine's first program");
        }
        (void)snprintf(own, sizeof own, "/proc/self/fdinfo/%d", fd);
        if (mount_of(own, &mount) < 0) {
                return error_say(finding->error, EIO, "cannot find the machine's first program");
        }
        if (has_mount(finding->mounts, mount)) {
                return 0;
        }
        finding->names->mode = status.st_mode & 0777;
        finding->names->program = name_of_file(mount, &status);
        return finding->names->program ? 0 : error_oom(finding->error);
}

int processes_find_names(const struct cgroup *group, const struct machine_record *record,
                         struct checkpoint_names *ret, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("/proc/%d/mountinfo", record->init.pid),
                            *mounts = NULL;
        struct finding finding = { .record = record, .names = ret, .error = error };
        int r = path ? file_read(AT_FDCWD, path, MOUNTS_MAXIMUM, &mounts, NULL) : -ENOMEM;

        if (r < 0) {
                return error_set(error, r, "cannot read the machine's mounts");
        }
        finding.mounts = mounts;
        r = for_each_descriptor(&finding, record->supervisor.pid, note_pipe);
        r = r < 0 ? r : name_program(&finding);
        r = r < 0 ? r : cgroup_for_each_process(group, look_at_process, &finding);
        return r;
}

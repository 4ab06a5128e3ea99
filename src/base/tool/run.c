/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "base/tool/sandbox.h"

#define OUTPUT_MAXIMUM (64 * 1024)
#define MAPS_MAXIMUM   (16 * 1024)

enum {
        STATUS_NOT_CONFINED = 125, /* of the process that was to become the tool */
        STATUS_NOT_EXECUTED = 126,
};

/* Everything that the process of the tool needs. */
struct running {
        const struct tool_run *run;
        char *path;
        char **argv;
        char **environment;
        struct tool_mounts mounts;
        int input;
        int output;
        int go[2]; /* closed when the ids are mapped */
};

/* ---- the process of the tool ---- */

static int take_streams(const struct running *running)
{
        if (dup2(running->input, STDIN_FILENO) < 0 || dup2(running->output, STDOUT_FILENO) < 0 ||
            dup2(running->output, STDERR_FILENO) < 0) {
                return -errno;
        }
        return 0;
}

static int wait_for_ids(struct running *running)
{
        char byte;

        fd_close(TAKE_FD(running->go[1]));
        return read(running->go[0], &byte, 1) == 1 && setresgid(0, 0, 0) == 0 &&
                               setresuid(0, 0, 0) == 0
                       ? 0
                       : -EPERM;
}

static _Noreturn void become(struct running *running)
{
        const char *step = "begin";
        int r = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : wait_for_ids(running);

        if (r == 0) {
                r = take_streams(running);
        }
        if (r == 0) {
                r = tool_confine(running->run, &running->mounts, &step);
        }
        if (r < 0) {
                (void)dprintf(running->output, "cannot %s: %s", step, strerror(-r));
                _exit(STATUS_NOT_CONFINED);
        }
        process_reset_handlers();
        process_unblock_signals();
        (void)process_close_from(3);
        (void)execve(running->path, running->argv, running->environment);
        (void)dprintf(STDERR_FILENO, "cannot execute it: %s", strerror(errno));
        _exit(STATUS_NOT_EXECUTED);
}

/* ---- the caller ---- */

/* The ids of the caller's user namespace as they are. */
static int same_ids(const char *map, char **ret)
{
        _cleanup_free_ char *text = NULL, *same = strdup("");
        char *at, *line, *rest = NULL;
        int r = file_read(AT_FDCWD, map, MAPS_MAXIMUM, &text, NULL);

        if (r < 0 || !same) {
                return r < 0 ? r : -ENOMEM;
        }
        for (at = text; (line = strtok_r(at, "\n", &rest)); at = NULL) {
                uint32_t inside, outside, count;
                char *longer;

                if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) !=
                    3) {
                        return -EINVAL;
                }
                longer = string_format("%s%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", same, inside,
                                       inside, count);
                free(same);
                same = longer;
                if (!same) {
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(same);
        return 0;
}

static int map_ids(pid_t pid)
{
        static const char *const names[] = { "gid_map", "uid_map" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                _cleanup_free_ char *own = string_format("/proc/self/%s", names[i]);
                _cleanup_free_ char *path = string_format("/proc/%d/%s", (int)pid, names[i]);
                _cleanup_free_ char *map = NULL;
                int r = own && path ? same_ids(own, &map) : -ENOMEM;

                if (r == 0) {
                        r = file_write_value(AT_FDCWD, path, map);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int prepare_argv(struct running *running, struct machine_error *error)
{
        static const char *const fixed[] = { "PATH=/usr/sbin:/usr/bin", "LC_ALL=C.UTF-8", "TZ=UTC",
                                             NULL };
        const char *const *lists[] = { fixed, running->run->environment };
        int r = strv_append(&running->argv, running->run->tool->name);

        for (const char *const *word = running->run->arguments; r == 0 && *word; word++) {
                r = strv_append(&running->argv, *word);
        }
        for (size_t i = 0; i < ELEMENTS_OF(lists); i++) {
                for (const char *const *word = lists[i]; r == 0 && word && *word; word++) {
                        r = strv_append(&running->environment, *word);
                }
        }
        return r < 0 ? error_oom(error) : 0;
}

static int prepare(struct running *running, struct machine_error *error)
{
        const struct tool *const tools[] = { running->run->tool, NULL };
        const char *input = running->run->input ? running->run->input : "";
        int r = tool_check(tools, "continue", error);

        if (r < 0) {
                return r;
        }
        running->path = tool_find(running->run->tool);
        if (!running->path) {
                return error_oom(error);
        }
        r = prepare_argv(running, error);
        if (r < 0) {
                return r;
        }
        running->input = file_sealed("input", input, strlen(input));
        running->output = memfd_create("output", MFD_CLOEXEC);
        if (running->input < 0 || running->output < 0 || pipe2(running->go, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot run %s", running->path);
        }
        return tool_mounts_open(running->run, &running->mounts, error);
}

static int start_and_wait(struct running *running, struct machine_error *error)
{
        pid_t pid = process_fork(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                         CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
                                 NULL);
        int status, r;

        if (pid == 0) {
                become(running);
        }
        if (pid < 0) {
                return error_set(error, (int)pid, "cannot make the sandbox of %s", running->path);
        }
        r = map_ids(pid);
        if (r == 0 && write(running->go[1], "", 1) != 1) {
                r = -errno;
        }
        running->go[1] = fd_close(running->go[1]);
        status = process_wait(pid);
        return r < 0 ? error_set(error, r, "cannot map the ids of the sandbox of %s", running->path)
                     : status;
}

static void clear(struct running *running)
{
        tool_mounts_clear(&running->mounts);
        free(running->path);
        strv_free(running->argv);
        strv_free(running->environment);
        fd_close(running->input);
        fd_close(running->output);
        fd_close(running->go[0]);
        fd_close(running->go[1]);
}

static int read_output(int fd, char **ret)
{
        char *text = calloc(1, OUTPUT_MAXIMUM + 1);
        ssize_t length = text ? pread(fd, text, OUTPUT_MAXIMUM, 0) : -1;

        if (length < 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

/* The last line that is not empty; the text is changed. A carriage return, by which a tool
 * overwrites its progress, ends a line as well. */
static const char *last_line(char *text)
{
        size_t length = strlen(text);

        while (length > 0 && strchr("\r\n \t", text[length - 1])) {
                text[--length] = '\0';
        }
        while (length > 0 && !strchr("\r\n", text[length - 1])) {
                length--;
        }
        return text + length;
}

int tool_run(const struct tool_run *run, char **ret_output, struct machine_error *error)
{
        struct running running = {
                .run = run,
                .mounts = TOOL_MOUNTS_INIT,
                .input = -EBADF,
                .output = -EBADF,
                .go = { -EBADF, -EBADF },
        };
        _cleanup_free_ char *output = NULL;
        int r = prepare(&running, error);

        if (r == 0) {
                r = start_and_wait(&running, error);
        }
        if (r >= 0 && read_output(running.output, &output) < 0) {
                r = error_oom(error);
        }
        if (r == STATUS_NOT_CONFINED || r == STATUS_NOT_EXECUTED) {
                r = error_say(error, EIO, "%s could not be started: it %s", run->tool->name,
                              output);
        }
        clear(&running);
        if (r >= 0 && ret_output) {
                *ret_output = TAKE_PTR(output);
        }
        return r;
}

int tool_succeed(const struct tool_run *run, char **ret_output, struct machine_error *error)
{
        _cleanup_free_ char *output = NULL, *printable = NULL;
        int status = tool_run(run, &output, error);

        if (status == 0 && ret_output) {
                *ret_output = TAKE_PTR(output);
        }
        if (status <= 0) {
                return status;
        }
        printable = string_printable(last_line(output));
        if (status > 128) {
                return error_say(error, EIO, "%s was killed by signal %d", run->tool->name,
                                 status - 128);
        }
        return error_say(error, EIO, "%s failed: %s", run->tool->name,
                         printable && *printable ? printable : "it says nothing about the reason");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"

#define OUTPUT_MAXIMUM (64 * 1024)

/* A shell's exit status for a program that could not be executed. */
#define STATUS_NOT_EXECUTED 126

/* The directory of the running program; the caller frees it. */
static char *own_directory(void)
{
        char path[PATH_MAX];
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
        char *slash;

        if (length < 0) {
                return NULL;
        }
        path[length] = '\0';
        slash = strrchr(path, '/');
        if (slash) {
                *slash = '\0';
        }
        return strdup(path);
}

char *program_find(const struct program *program, struct machine_error *error)
{
        _cleanup_free_ char *directory = own_directory();

        for (const char *const *place = program->places; directory && *place; place++) {
                _cleanup_free_ char *path = string_format("%s/%s", directory, *place);

                if (path && access(path, X_OK) == 0) {
                        return TAKE_PTR(path);
                }
        }
        error_say(error, ENOENT, "%s, %s, is missing", program->name, program->purpose);
        error_hint(error, "the installation is incomplete: reinstall machinectl-lite");
        return NULL;
}

int program_execute(const struct program *program, char *const *arguments,
                    struct machine_error *error)
{
        _cleanup_free_ char *path = program_find(program, error);
        _cleanup_strv_ char **argv = NULL;
        int r;

        if (!path) {
                return -ENOENT;
        }
        if (strv_append(&argv, program->name) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(argument, arguments) {
                if (strv_append(&argv, *argument) < 0) {
                        return error_oom(error);
                }
        }
        (void)execv(path, argv);
        r = -errno;
        return error_set(error, r, "cannot run %s", path);
}

/* Runs in the child. A descriptor among the first three would be closed with the rest. */
static int take_streams(int input, int output)
{
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int in = fcntl(input >= 0 ? input : null, F_DUPFD_CLOEXEC, 3);
        int out = fcntl(output >= 0 ? output : null, F_DUPFD_CLOEXEC, 3);

        if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) {
                return -errno;
        }
        null = -EBADF; /* closed with the rest */
        return process_close_from(3);
}

static _Noreturn void become(const char *path, char **argv, int input, int output)
{
        process_reset_handlers();
        process_unblock_signals();
        if (take_streams(input, output) == 0) {
                (void)execv(path, argv);
        }
        _exit(STATUS_NOT_EXECUTED);
}

pid_t program_start(const struct program *program, const char *const *arguments, int input,
                    int output, struct machine_error *error)
{
        _cleanup_free_ char *path = program_find(program, error);
        _cleanup_strv_ char **argv = NULL;
        pid_t pid;

        if (!path) {
                return -ENOENT;
        }
        if (strv_append(&argv, program->name) < 0) {
                return error_oom(error);
        }
        for (; *arguments; arguments++) {
                if (strv_append(&argv, *arguments) < 0) {
                        return error_oom(error);
                }
        }
        pid = fork();
        if (pid == 0) {
                become(path, argv, input, output);
        }
        return pid < 0 ? error_set(error, errno, "cannot run %s", path) : pid;
}

int program_run(const struct program *program, const char *const *arguments, const char *input,
                char **ret_output, struct machine_error *error)
{
        _cleanup_close_ int text = file_sealed("input", input, strlen(input));
        int ends[2];
        pid_t pid;
        int r;

        if (text < 0 || pipe2(ends, O_CLOEXEC) < 0) {
                return error_set(error, text < 0 ? text : errno, "cannot run %s", program->name);
        }
        pid = program_start(program, arguments, text, ends[1], error);
        fd_close(ends[1]);
        if (pid < 0) {
                fd_close(ends[0]);
                return (int)pid;
        }
        r = file_read_fd(ends[0], OUTPUT_MAXIMUM, ret_output, NULL);
        /* Even if the program writes more. */
        fd_close(ends[0]);
        pid = process_wait(pid);
        return r < 0 ? error_set(error, r, "cannot read the output of %s", program->name)
                     : (int)pid;
}

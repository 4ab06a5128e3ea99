/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/execute.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "base/strings.h"
#include "image/image_features.h"

/* As installed and as built. */
static const char *const places[] = {
        IMAGE_PROGRAM_FROM_BINDIR,
        "../image/machinectl-lite-image",
};

char *image_find_program(const char *const *where, size_t count)
{
        char program[PATH_MAX];
        ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
        char *slash;

        if (length < 0) {
                return NULL;
        }
        program[length] = '\0';
        slash = strrchr(program, '/');
        if (slash) {
                *slash = '\0';
        }
        for (size_t i = 0; i < count; i++) {
                char *path = string_format("%s/%s", program, where[i]);

                if (path && access(path, X_OK) == 0) {
                        return path;
                }
                free(path);
        }
        return NULL;
}

int image_execute(char *const *arguments, struct machine_error *error)
{
        _cleanup_free_ char *path = image_find_program(places, ELEMENTS_OF(places));
        _cleanup_strv_ char **argv = NULL;
        int r;

        if (!path) {
                error_say(error, ENOENT, "machinectl-lite-image, which handles images, is missing");
                error_hint(error, "the installation is incomplete: install machinectl-lite anew");
                return -ENOENT;
        }
        if (strv_append(&argv, "machinectl-lite-image") < 0) {
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

/* In the child: its output is for people. Nothing else of the caller's goes along. */
static void run_fetch(char *const *arguments)
{
        sigset_t none;

        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || process_close_from(3) < 0) {
                return;
        }
        (void)image_execute(arguments, NULL);
}

int image_fetch(const char *state_directory, const char *reference, struct machine_error *error)
{
        const char *const arguments[] = { "--state-dir", state_directory, "pull",
                                          "--",          reference,       NULL };
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                run_fetch((char *const *)arguments);
                _exit(127);
        }
        status = pid < 0 ? -errno : process_wait(pid);
        if (status < 0) {
                return error_set(error, status, "cannot fetch the image \"%s\"", reference);
        }
        return status == 0
                       ? 0
                       : error_say(error, EIO, "the image \"%s\" could not be fetched", reference);
}

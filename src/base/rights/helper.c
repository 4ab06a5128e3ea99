/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rights/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process/process.h"

/* "cannot execute", as in a shell. */
#define STATUS_NOT_EXECUTED 126
#define OUTPUT_MAXIMUM      65536

/* A constant table per program would be shorter to search, but these are the only two. */
static const char *const places[][4] = {
        { "/usr/bin/newuidmap", "/bin/newuidmap", "/run/wrappers/bin/newuidmap", NULL },
        { "/usr/bin/newgidmap", "/bin/newgidmap", "/run/wrappers/bin/newgidmap", NULL },
        { "/usr/bin/getsubids", "/bin/getsubids", "/run/current-system/sw/bin/getsubids", NULL },
        { "/usr/bin/getent", "/bin/getent", "/run/current-system/sw/bin/getent", NULL },
};

const char *helper_find(const char *name)
{
        for (size_t i = 0; i < ELEMENTS_OF(places); i++) {
                if (strcmp(strrchr(places[i][0], '/') + 1, name) != 0) {
                        continue;
                }
                for (size_t j = 0; places[i][j]; j++) {
                        if (access(places[i][j], X_OK) == 0) {
                                return places[i][j];
                        }
                }
        }
        return NULL;
}

static _Noreturn void become(const char *path, char *const *arguments, const int *go, int output)
{
        static char *const environment[] = { NULL };
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        char byte;

        if (go) {
                fd_close(go[1]);
                while (read(go[0], &byte, 1) < 0 && errno == EINTR) {
                }
        }
        process_reset_handlers();
        process_unblock_signals();
        if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
            dup2(output, STDERR_FILENO) >= 0 && process_close_from(STDERR_FILENO + 1) == 0) {
                (void)execve(path, arguments, environment);
        }
        _exit(STATUS_NOT_EXECUTED);
}

int helper_start(const char *path, char *const *arguments, const int *go, struct helper *ret)
{
        int ends[2];
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return -errno;
        }
        pid = fork();
        if (pid == 0) {
                become(path, arguments, go, ends[1]);
        }
        fd_close(ends[1]);
        if (pid < 0) {
                int r = -errno;

                fd_close(ends[0]);
                return r;
        }
        *ret = (struct helper){ .pid = pid, .output = ends[0] };
        return 0;
}

int helper_wait(struct helper *helper, char **ret_text)
{
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        int status, r = file_read_fd(helper->output, OUTPUT_MAXIMUM, &text, &length);

        helper->output = fd_close(helper->output);
        status = process_wait(helper->pid);
        helper->pid = 0;
        if (r < 0 || status < 0) {
                return r < 0 ? r : status;
        }
        if (length > 0 && text[length - 1] == '\n') {
                text[length - 1] = '\0';
        }
        *ret_text = TAKE_PTR(text);
        return status;
}

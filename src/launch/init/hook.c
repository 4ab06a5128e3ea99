/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/hook.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"

/* How much of its output an error quotes: the end, which has the reason. */
#define OUTPUT_QUOTED 1000

struct running {
        int pidfd;
        int output;  /* memfd of standard output and error */
        int trouble; /* readable with an errno if execve(2) has failed, closed by it otherwise */
};

static _Noreturn void become(const struct hook *hook, int input, int output, int trouble)
{
        static char *const none[] = { NULL };
        char *const alone[] = { (char *)hook->path, NULL };
        int copy = fcntl(trouble, F_DUPFD_CLOEXEC, 16), number;

        process_reset_handlers();
        process_unblock_signals();
        (void)setsid();
        /* `delete --force` of a container whose hook runs kills what waits for the hook. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (copy >= 0 && dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
            dup2(output, STDERR_FILENO) >= 0 && dup2(copy, 3) >= 0 &&
            fcntl(3, F_SETFD, FD_CLOEXEC) == 0 && process_close_from(4) == 0 &&
            (!hook->directory || chdir(hook->directory) == 0)) {
                execve(hook->path, hook->arguments ? hook->arguments : alone,
                       hook->environment ? hook->environment : none);
                copy = 3;
        }
        number = errno;
        (void)!write(copy, &number, sizeof number);
        _exit(127);
}

/* The pid, or -errno with an error. */
static pid_t start(const struct hook *hook, const char *text, struct running *ret,
                   struct machine_error *error)
{
        _cleanup_close_ int input = file_sealed("hook-input", text, strlen(text));
        int ends[2];
        pid_t pid;

        ret->output = memfd_create("hook-output", MFD_CLOEXEC);
        if (input < 0 || ret->output < 0 || pipe2(ends, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot create the descriptors of the hook %s",
                                 hook->path);
        }
        ret->trouble = ends[0];
        pid = process_fork(0, &ret->pidfd);
        if (pid == 0) {
                become(hook, input, ret->output, ends[1]);
        }
        fd_close(ends[1]);
        return pid < 0 ? error_set(error, pid, "cannot create a process for the hook %s",
                                   hook->path)
                       : pid;
}

/* Whether it ended by itself. */
static bool wait_for(const struct running *running, uint64_t timeout)
{
        struct pollfd ended = { .fd = running->pidfd, .events = POLLIN };
        int r;

        do {
                r = poll(&ended, 1, timeout ? (int)((timeout + 999) / 1000) : -1);
        } while (r < 0 && errno == EINTR);
        return r > 0;
}

static void quote_output(int fd, struct machine_error *error)
{
        char text[OUTPUT_QUOTED + 1];
        off_t size = lseek(fd, 0, SEEK_END);
        ssize_t n = size > 0 ? pread(fd, text, OUTPUT_QUOTED,
                                     size > OUTPUT_QUOTED ? size - OUTPUT_QUOTED : 0)
                             : 0;
        _cleanup_free_ char *printable = NULL;

        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\0')) {
                n--;
        }
        text[n > 0 ? n : 0] = '\0';
        printable = string_printable(text);
        if (n > 0 && printable) {
                error_hint(error, "it wrote: %s", printable);
        }
}

static int judge(const struct hook *hook, const struct running *running, bool in_time, int status,
                 struct machine_error *error)
{
        int number = 0, r;

        if (read(running->trouble, &number, sizeof number) == sizeof number) {
                return error_set(error, number, "cannot execute the hook %s", hook->path);
        }
        if (in_time && status == 0) {
                return 0;
        }
        r = !in_time       ? error_say(error, ETIMEDOUT, "the hook %s did not end within %.6g s",
                                       hook->path, (double)hook->timeout / 1e6)
            : status > 128 ? error_say(error, ECHILD, "the hook %s was ended by signal %d",
                                       hook->path, status - 128)
                           : error_say(error, ECHILD, "the hook %s failed with status %d",
                                       hook->path, status);
        quote_output(running->output, error);
        return r;
}

int hook_run(const struct hook *hook, const char *input, struct machine_error *error)
{
        struct running running = { -EBADF, -EBADF, -EBADF };
        pid_t pid = start(hook, input, &running, error);
        int r = pid;

        if (pid > 0) {
                bool in_time = wait_for(&running, hook->timeout);

                if (!in_time) {
                        (void)kill(-pid, SIGKILL);
                        (void)kill(pid, SIGKILL);
                }
                r = judge(hook, &running, in_time, process_wait(pid), error);
        }
        fd_close(running.pidfd);
        fd_close(running.output);
        fd_close(running.trouble);
        return r;
}

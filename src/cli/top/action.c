/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/top/action.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"

/* More than any message has. */
#define OUTPUT_MAXIMUM (64 * 1024)

/* In the child: this program with the directories of this one. */
static _Noreturn void execute(const struct cli *cli, const char *const *words)
{
        const struct cli_directories *directories = &cli->directories;
        _cleanup_strv_ char **arguments = NULL;
        _cleanup_free_ char *path = strv_join(directories->config_path, ":");
        int r = path ? strv_append(&arguments, "machinectl-lite") : -ENOMEM;

        r = r < 0 ? r : strv_take(&arguments, string_format("--config-path=%s", path));
        r = r < 0 ? r
                  : strv_take(&arguments, string_format("--runtime-dir=%s", directories->runtime));
        r = r < 0 ? r : strv_take(&arguments, string_format("--state-dir=%s", directories->state));
        r = r < 0 ? r : strv_take(&arguments, string_format("--log-dir=%s", directories->log));
        for (; r == 0 && *words; words++) {
                r = strv_append(&arguments, *words);
        }
        if (r == 0) {
                process_reset_handlers();
                process_unblock_signals();
                /* Nobody would continue it. */
                (void)signal(SIGTSTP, SIG_IGN);
                execv("/proc/self/exe", arguments);
        }
        _exit(127);
}

/* ---- stop ---- */

int action_stop(const struct cli *cli, const char *machine, struct action *ret)
{
        const char *const words[] = { "stop", "--", machine, NULL };
        struct action action = { strdup(machine), 0, -EBADF };
        int ends[2];

        if (!action.machine) {
                return -ENOMEM;
        }
        if (pipe2(ends, O_CLOEXEC) < 0) {
                free(action.machine);
                return -errno;
        }
        action.pid = fork();
        if (action.pid == 0) {
                int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

                /* Keys of the terminal are not for it. */
                (void)setpgid(0, 0);
                (void)dup2(nothing, STDIN_FILENO);
                (void)dup2(ends[1], STDOUT_FILENO);
                (void)dup2(ends[1], STDERR_FILENO);
                execute(cli, words);
        }
        fd_close(ends[1]);
        action.output = ends[0];
        if (action.pid < 0) {
                int r = -errno;

                action.pid = 0;
                action_release(&action);
                return r;
        }
        *ret = action;
        return 0;
}

void action_release(struct action *action)
{
        free(action->machine);
        fd_close(action->output);
        *action = (struct action){ NULL, 0, -EBADF };
}

int action_collect(struct action *action, char **ret)
{
        _cleanup_free_ char *text = NULL;
        int status = 0;

        if (waitpid(action->pid, &status, WNOHANG) != action->pid) {
                return 0;
        }
        if (file_read_fd(action->output, OUTPUT_MAXIMUM, &text, NULL) == 0) {
                text[strcspn(text, "\n")] = '\0';
        }
        *ret = WIFEXITED(status) && WEXITSTATUS(status) == 0
                       ? string_format("%s has been stopped", action->machine)
                       : string_format("stop %s: %s", action->machine,
                                       text && *text ? text : "it was killed");
        action_release(action);
        return *ret ? 1 : -ENOMEM;
}

/* ---- logs ---- */

/* The terminal sends these to both; the logs end by them, and this program does not. */
static bool is_of_terminal(int number)
{
        return number == SIGINT || number == SIGQUIT || number == SIGTSTP || number == SIGCONT ||
               number == SIGWINCH;
}

/* Waits for the logs to end. Returns 0, or the signal that asked this program to end: then they do
 * as well. */
static int await_logs(pid_t pid)
{
        static const struct timespec now = { 0 };
        sigset_t signals;
        int asked = 0, number;

        (void)sigprocmask(SIG_SETMASK, NULL, &signals);
        while (waitpid(pid, NULL, WNOHANG) == 0) {
                number = sigwaitinfo(&signals, NULL);
                if (number > 0 && number != SIGCHLD && !is_of_terminal(number)) {
                        asked = number;
                        (void)kill(pid, SIGTERM);
                }
        }
        /* That of the terminal may be noticed after the end that it caused. */
        while ((number = sigtimedwait(&signals, NULL, &now)) > 0) {
                asked = number != SIGCHLD && !is_of_terminal(number) ? number : asked;
        }
        return asked;
}

int action_show_logs(const struct cli *cli, const char *machine)
{
        const char *const words[] = { "logs", "--follow", "--lines=100", "--", machine, NULL };
        pid_t pid = fork();

        if (pid == 0) {
                execute(cli, words);
        }
        return pid < 0 ? -errno : await_logs(pid);
}

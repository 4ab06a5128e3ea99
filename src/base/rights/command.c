/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rights/command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process/process.h"
#include "base/rights/caller.h"
#include "base/strings.h"

#define OUTPUT_MAXIMUM (256 * 1024)

/* The ids that systemd hands out to services without a user of their own. */
#define USER_FIRST 61184
#define USER_COUNT 4096

#define STATUS_NOT_FOUND 127

uid_t command_pick_user(void)
{
        return USER_FIRST + (uid_t)getpid() % USER_COUNT;
}

/* Without capabilities in the bounding set, uid 0 has none after execve(2) (capabilities(7)). */
static int drop_capabilities(void)
{
        for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
             capability++) {
                if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
                        return -errno;
                }
        }
        return 0;
}

static int become_user(uid_t uid)
{
        const gid_t gid = (gid_t)uid;
        int r = 0;

        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
                               setresuid(uid, uid, uid) < 0)) {
                r = -errno;
                /* EINVAL: the user namespace has no such id; EPERM: it denies setgroups(2). */
                r = (r == -EINVAL || r == -EPERM) && caller_is_inside() ? drop_capabilities() : r;
        }
        if (r < 0) {
                return r;
        }
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int confine(void)
{
        static const struct {
                int resource;
                rlim_t value;
        } limits[] = {
                { RLIMIT_CORE, 0 },
                { RLIMIT_CPU, 20 },
                { RLIMIT_FSIZE, 4U << 20 },
                { RLIMIT_AS, 512U << 20 },
        };

        /* A user outside of a user namespace may not do this; his network is no secret. */
        if (geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWIPC) < 0) {
                return -errno;
        }
        for (size_t i = 0; i < ELEMENTS_OF(limits); i++) {
                const struct rlimit limit = { limits[i].value, limits[i].value };

                if (setrlimit(limits[i].resource, &limit) < 0) {
                        return -errno;
                }
        }
        return 0;
}

/* A write beyond the limit fails with EFBIG, which the program reports, if the signal is ignored.
 */
static int limit_files(uint64_t maximum)
{
        const struct rlimit limit = { maximum, maximum };

        (void)signal(SIGXFSZ, SIG_IGN);
        return setrlimit(RLIMIT_FSIZE, &limit) < 0 ? -errno : 0;
}

static int take_descriptors(const struct command *command, int errors)
{
        const int streams[] = { command->input, command->output, errors };
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int count = 3 + (int)command->descriptor_count, high[3 + COMMAND_DESCRIPTORS_MAX];

        for (int i = 0; i < count; i++) {
                int given = i < 3 ? streams[i] : command->descriptors[i - 3];

                high[i] = fcntl(given >= 0 ? given
                                : i == 2   ? STDERR_FILENO
                                           : null,
                                F_DUPFD_CLOEXEC, count);
                if (high[i] < 0) {
                        return -errno;
                }
        }
        for (int i = 0; i < count; i++) {
                if (dup2(high[i], i) < 0) {
                        return -errno;
                }
        }
        return process_close_from(count);
}

static _Noreturn void become(const struct command *command, int errors)
{
        process_reset_handlers();
        process_unblock_signals();
        (void)setsid();
        if (take_descriptors(command, errors) == 0 && chdir(command->directory) == 0 &&
            (!command->file_maximum || limit_files(command->file_maximum) == 0) &&
            (!command->confined || confine() == 0) && become_user(command->uid) == 0) {
                (void)umask(022);
                environ = (char **)command->environment;
                (void)execvp(command->arguments[0], (char *const *)command->arguments);
        }
        _exit(STATUS_NOT_FOUND);
}

pid_t command_start(const struct command *command, int errors, struct machine_error *error)
{
        pid_t pid = process_fork(0, NULL);

        if (pid == 0) {
                become(command, errors);
        }
        return pid < 0 ? error_set(error, (int)pid, "cannot run %s", command->arguments[0]) : pid;
}

static char *text_of(int fd)
{
        char *text = NULL;
        size_t length;

        if (lseek(fd, 0, SEEK_SET) < 0 || file_read_fd(fd, OUTPUT_MAXIMUM, &text, &length) < 0) {
                return NULL;
        }
        while (length > 0 && text[length - 1] == '\n') {
                text[--length] = '\0';
        }
        return text;
}

static int explain(const struct command *command, int status, const char *said,
                   struct machine_error *error)
{
        _cleanup_free_ char *printable = string_printable(said ? said : "");

        if (status == STATUS_NOT_FOUND) {
                error_say(error, ENOENT, "%s cannot be run", command->arguments[0]);
                error_hint(error, "install it: it is looked up in PATH");
                return status;
        }
        error_say(error, EIO, "%s failed with status %d%s%s", command->arguments[0], status,
                  printable && *printable ? ": " : "", printable ? printable : "");
        return status;
}

int command_run(const struct command *command, char **ret_output, struct machine_error *error)
{
        _cleanup_close_ int output = memfd_create("output", MFD_CLOEXEC);
        _cleanup_close_ int errors = memfd_create("errors", MFD_CLOEXEC);
        struct command own = *command;
        _cleanup_free_ char *said = NULL;
        pid_t pid;
        int status;

        if (output < 0 || errors < 0) {
                return error_set(error, errno, "cannot run %s", command->arguments[0]);
        }
        own.output = command->output >= 0 ? command->output : output;
        pid = command_start(&own, errors, error);
        if (pid < 0) {
                return (int)pid;
        }
        status = process_wait(pid);
        said = text_of(errors);
        if (status != 0) {
                return explain(command, status, said, error);
        }
        if (ret_output) {
                *ret_output = text_of(output);
                return *ret_output ? 0
                                   : error_say(error, EFBIG, "the output of %s is too long",
                                               command->arguments[0]);
        }
        return 0;
}

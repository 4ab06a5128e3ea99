/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A stub that was called is a copy of the supervisor: its memory is of no use elsewhere, and its
 * program and libraries are the host's. One that was restored has memory that belongs to the host's
 * user namespace, as CRIU has made it, so that CRIU cannot look at it from within the machine's. So
 * before a checkpoint a stub executes machine-init, and stays the parent of the payload.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "launch/checkpoint/processes.h"
#include "launch/checkpoint/program.h"
#include "launch/context.h"
#include "launch/init/plan.h"
#include "rootfs/mount/mount.h"

#define STATUS_MAXIMUM (16U << 10)

#define WAITS     200
#define WAIT_USEC 10000

/* A place for the file system, in a mount namespace that ends with the process. */
#define PLACE "/proc"

/* The supervisor of another version may have a stub that does not know the signal, which would end
 * the payload. */
static int check_supervisor(const struct machine_record *record, struct machine_error *error)
{
        char path[32];
        struct stat own, other;

        (void)snprintf(path, sizeof path, "/proc/%d/exe", record->supervisor.pid);
        if (stat("/proc/self/exe", &own) < 0 || stat(path, &other) < 0) {
                return error_set(error, errno, "cannot stat the program of the supervisor");
        }
        if (own.st_dev != other.st_dev || own.st_ino != other.st_ino) {
                error_say(error, EOPNOTSUPP,
                          "machine \"%s\" was started by another version of this program",
                          record->name);
                error_hint(error, "restart it first: machinectl-lite restart %s", record->name);
                return -EOPNOTSUPP;
        }
        return 0;
}

/* ---- in a process of its own ---- */

static int make_program(const char *source, uid_t owner)
{
        _cleanup_close_ int place = -EBADF;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
                return -errno;
        }
        place = open(PLACE, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return place < 0 ? -errno : program_copy(source, owner, CHECKPOINT_PROGRAM_MODE, place);
}

static int ask(int init)
{
        siginfo_t info = { .si_signo = INIT_EXECUTE_SIGNAL, .si_code = SI_QUEUE };

        info.si_pid = getpid();
        info.si_value.sival_int = INIT_EXECUTE_VALUE;
        return syscall(SYS_pidfd_send_signal, init, INIT_EXECUTE_SIGNAL, &info, 0) < 0 ? -errno : 0;
}

static bool executes(int process, const struct stat *program)
{
        struct stat running;

        return fstatat(process, "exe", &running, 0) == 0 && running.st_dev == program->st_dev &&
               running.st_ino == program->st_ino;
}

/* The machine's root is "/" here, its processes are seen by `process`. */
static int execute(int init, int process, int program)
{
        _cleanup_close_ int root = -EBADF, target = -EBADF;
        struct stat status;
        int r;

        if (fstat(program, &status) < 0 || setns(init, CLONE_NEWNS) < 0) {
                return -errno;
        }
        root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        target = root < 0 ? -errno : path_open_no_links(root, INIT_STUB_PROGRAM + 1, O_PATH, 0);
        r = target < 0 ? target : mount_attach_over(program, target);
        if (r < 0) {
                return r;
        }
        r = ask(init);
        for (unsigned int i = 0; r == 0 && !executes(process, &status); i++) {
                if (i == WAITS) {
                        r = -ETIMEDOUT;
                }
                (void)usleep(WAIT_USEC);
        }
        (void)umount2(INIT_STUB_PROGRAM, MNT_DETACH | UMOUNT_NOFOLLOW);
        return r;
}

static int execute_in_machine(int init, int process, const char *source, uid_t owner)
{
        _cleanup_close_ int program = make_program(source, owner);

        return program < 0 ? program : execute(init, process, program);
}

/* ---- the command ---- */

static int refuse(const struct machine_record *record, struct machine_error *error)
{
        error_say(error, EOPNOTSUPP,
                  "PID 1 of machine \"%s\" cannot execute machine-init: beside a payload with "
                  "CAP_SYS_PTRACE it has a filter",
                  record->name);
        error_hint(error, "set init = false, or drop that capability, and start it again");
        return -EOPNOTSUPP;
}

/* Whether its filter keeps it from execve(2). */
static bool is_filtered(const struct machine_record *record)
{
        _cleanup_free_ char *path = string_format("/proc/%d/status", record->init.pid),
                            *text = NULL;

        return path && file_read(AT_FDCWD, path, STATUS_MAXIMUM, &text, NULL) == 0 &&
               strstr(text, "\nSeccomp:\t2");
}

/* Anything but the supervisor's program is one that CRIU can be told of. */
static bool was_called(const struct machine_record *record)
{
        char path[32];
        struct stat init, supervisor;

        (void)snprintf(path, sizeof path, "/proc/%d/exe", record->supervisor.pid);
        if (stat(path, &supervisor) < 0) {
                return false;
        }
        (void)snprintf(path, sizeof path, "/proc/%d/exe", record->init.pid);
        return stat(path, &init) == 0 && init.st_dev == supervisor.st_dev &&
               init.st_ino == supervisor.st_ino;
}

int stub_execute(const struct machine_record *record, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("/proc/%d", record->init.pid);
        _cleanup_close_ int init = -EBADF, process = -EBADF;
        _cleanup_free_ char *source = NULL;
        pid_t pid;
        int r;

        if (is_filtered(record)) {
                return was_called(record) ? refuse(record, error) : 0;
        }
        r = check_supervisor(record, error);
        source = r < 0 ? NULL : launch_find_init_program(error);
        if (!source) {
                return r < 0 ? r : -ENOENT;
        }
        init = process_open(&record->init);
        process = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        if (init < 0 || process < 0) {
                return error_set(error, init < 0 ? init : errno,
                                 "cannot open the machine's first process");
        }
        pid = process_fork(0, NULL);
        if (pid == 0) {
                _exit(-execute_in_machine(init, process, source, record->user_base));
        }
        r = pid < 0 ? (int)pid : -process_wait(pid);
        return r == 0 ? 0
                      : error_set(error, r, "cannot have machine-init executed by PID 1 of \"%s\"",
                                  record->name);
}

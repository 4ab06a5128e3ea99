/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/disk/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/error.h"
#include "base/strings.h"

bool disk_is_image(const struct stat *info)
{
        return !S_ISDIR(info->st_mode);
}

static int refuse_link(const char *path, struct machine_error *error)
{
        _cleanup_free_ char *target = realpath(path, NULL);

        error_say(error, ELOOP, "the image \"%s\" is a symbolic link", path);
        if (target) {
                error_hint(error, "name the file itself: \"%s\"", target);
        } else {
                error_hint(error, "name the file itself, which does not exist where it points to");
        }
        return -ELOOP;
}

static int explain_missing(const char *path, int number, struct machine_error *error)
{
        if (number != ENOENT) {
                return error_set(error, number, "cannot open the image \"%s\"", path);
        }
        error_say(error, ENOENT, "the image \"%s\" does not exist", path);
        error_kind(error, MACHINE_ERROR_NO_INPUT);
        error_hint(error, "correct the path, or make the image");
        return -ENOENT;
}

/* What a path is, before it is opened: opening a FIFO or a device has effects. */
static int check_kind(const char *path, struct machine_error *error)
{
        struct stat own, target;

        if (lstat(path, &own) < 0) {
                return explain_missing(path, errno, error);
        }
        if (S_ISREG(own.st_mode) || S_ISBLK(own.st_mode)) {
                return 0;
        }
        if (S_ISLNK(own.st_mode)) {
                return stat(path, &target) == 0 && S_ISBLK(target.st_mode)
                               ? 0
                               : refuse_link(path, error);
        }
        error_say(error, EINVAL, "the image \"%s\" is %s", path,
                  S_ISFIFO(own.st_mode)   ? "a FIFO"
                  : S_ISSOCK(own.st_mode) ? "a socket"
                  : S_ISCHR(own.st_mode)  ? "a character device"
                                          : "a directory");
        error_hint(error, "an image is a file or a block device");
        return -EINVAL;
}

/* Whether a process has a file open for writing: then it cannot get a lease for reading (fcntl(2)).
 * While it is held, an open for writing would send SIGIO. */
static bool is_being_written(int fd)
{
        const struct timespec now = { 0 };
        sigset_t lease, before;
        bool written;

        sigemptyset(&lease);
        sigaddset(&lease, SIGIO);
        if (sigprocmask(SIG_BLOCK, &lease, &before) < 0) {
                return false;
        }
        written = fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
        (void)fcntl(fd, F_SETLEASE, F_UNLCK);
        (void)sigtimedwait(&lease, NULL, &now);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        return written;
}

static int check_file(const char *path, bool busy, struct machine_error *error)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat info;

        if (fd < 0) {
                return explain_missing(path, errno, error);
        }
        if (fstat(fd, &info) < 0) {
                return error_set(error, errno, "cannot stat the image \"%s\"", path);
        }
        if (S_ISREG(info.st_mode) && info.st_size == 0) {
                error_say(error, EINVAL,
                          "\"%s\" is not a directory, and no disk image either: it is empty", path);
                return -EINVAL;
        }
        if (S_ISREG(info.st_mode) && !busy && is_being_written(fd)) {
                error_say(error, ETXTBSY, "the image \"%s\" is being written by another process",
                          path);
                error_hint(error, "wait until it is complete; \"fuser -v\" shows who writes it");
                return -ETXTBSY;
        }
        return 0;
}

static int open_checked(const char *path, bool write, bool busy, struct machine_error *error)
{
        int r = check_kind(path, error);
        int fd;

        if (r == 0) {
                r = check_file(path, busy, error);
        }
        if (r < 0) {
                return r;
        }
        fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return fd < 0 ? error_set(error, errno, "cannot open the image \"%s\"%s", path,
                                  write ? " for writing" : "")
                      : fd;
}

int disk_open(const char *path, bool write, struct machine_error *error)
{
        return open_checked(path, write, false, error);
}

int disk_open_busy(const char *path, struct machine_error *error)
{
        return open_checked(path, false, true, error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"

/* What one turn of a copy moves. */
#define COPY_CHUNK (1U << 20)

int fd_close(int fd)
{
        int saved = errno;

        /* Linux releases the descriptor even when close(2) fails, so there is no second try. */
        if (fd >= 0) {
                (void)close(fd);
        }
        errno = saved;
        return -EBADF;
}

int file_read_fd(int fd, size_t maximum, char **ret, size_t *ret_length)
{
        _cleanup_free_ char *text = NULL;
        size_t length = 0, room = 0;

        for (;;) {
                ssize_t n;

                if (room - length < 2) {
                        char *grown;

                        room = room ? room * 2 : 4096;
                        grown = realloc(text, room);
                        if (!grown) {
                                return -ENOMEM;
                        }
                        text = grown;
                }
                n = read(fd, text + length, room - length - 1);
                if (n < 0) {
                        if (errno == EINTR) {
                                continue;
                        }
                        return -errno;
                }
                if (n == 0) {
                        break;
                }
                length += (size_t)n;
                if (length > maximum) {
                        return -EFBIG;
                }
        }
        text[length] = '\0';
        *ret = TAKE_PTR(text);
        if (ret_length) {
                *ret_length = length;
        }
        return 0;
}

int file_read(int directory_fd, const char *path, size_t maximum, char **ret, size_t *ret_length)
{
        _cleanup_close_ int fd =
                openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat status;

        if (fd < 0 || fstat(fd, &status) < 0) {
                return -errno;
        }
        return S_ISFIFO(status.st_mode) ? -ENXIO : file_read_fd(fd, maximum, ret, ret_length);
}

int file_explain(int number, const char *what, const char *path, struct machine_error *error)
{
        if (number == -ENXIO) {
                error_say(error, ENXIO, "cannot read %s \"%s\": it is a FIFO or a socket", what,
                          path);
                error_hint(error, "put what would come from it into a file");
                return number;
        }
        return error_set(error, number, "cannot read %s \"%s\"", what, path);
}

int file_write_all(int fd, const void *data, size_t length)
{
        const char *bytes = data;

        while (length > 0) {
                ssize_t n = write(fd, bytes, length);

                if (n < 0) {
                        if (errno == EINTR) {
                                continue;
                        }
                        return -errno;
                }
                bytes += n;
                length -= (size_t)n;
        }
        return 0;
}

int file_copy(int from, int to)
{
        _cleanup_free_ char *chunk = malloc(COPY_CHUNK);
        ssize_t n;

        if (!chunk) {
                return -ENOMEM;
        }
        while ((n = read(from, chunk, COPY_CHUNK)) != 0) {
                int r = n < 0 ? -errno : file_write_all(to, chunk, (size_t)n);

                if (r < 0 && r != -EINTR) {
                        return r;
                }
        }
        return 0;
}

int file_write_value(int directory_fd, const char *path, const char *value)
{
        _cleanup_close_ int fd = openat(directory_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        size_t length = strlen(value);
        ssize_t n;

        if (fd < 0) {
                return -errno;
        }
        n = write(fd, value, length);
        if (n < 0) {
                return -errno;
        }
        return (size_t)n == length ? 0 : -EIO;
}

static int write_new(int directory_fd, const char *temporary, const void *data, size_t length,
                     mode_t mode, bool sync)
{
        _cleanup_close_ int fd = openat(directory_fd, temporary,
                                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        int r;

        if (fd < 0) {
                return -errno;
        }
        r = file_write_all(fd, data, length);
        if (r == 0 && sync && fsync(fd) < 0) {
                r = -errno;
        }
        return r;
}

static int replace(int directory_fd, const char *path, const void *data, size_t length, mode_t mode,
                   bool sync)
{
        /* Writers of one file hold its lock, so a name that is left over is of a dead one. */
        _cleanup_free_ char *temporary = string_format("%s.new", path);
        int r;

        if (!temporary) {
                return -ENOMEM;
        }
        if (unlinkat(directory_fd, temporary, 0) < 0 && errno != ENOENT) {
                return -errno;
        }
        r = write_new(directory_fd, temporary, data, length, mode, sync);
        if (r == 0 && renameat(directory_fd, temporary, directory_fd, path) < 0) {
                r = -errno;
        }
        if (r < 0) {
                (void)unlinkat(directory_fd, temporary, 0);
        }
        return r;
}

static int sync_parent(int directory_fd, const char *path)
{
        _cleanup_free_ char *copy = strdup(path);
        _cleanup_close_ int fd = -EBADF;

        if (!copy) {
                return -ENOMEM;
        }
        fd = openat(directory_fd, dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_replace(int directory_fd, const char *path, const void *data, size_t length, mode_t mode)
{
        return replace(directory_fd, path, data, length, mode, false);
}

int file_write_atomic(int directory_fd, const char *path, const void *data, size_t length,
                      mode_t mode)
{
        int r = replace(directory_fd, path, data, length, mode, true);

        return r < 0 ? r : sync_parent(directory_fd, path);
}

int directory_open(int directory_fd, DIR **ret)
{
        _cleanup_close_ int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd < 0 ? NULL : fdopendir(fd);

        if (!directory) {
                return -errno;
        }
        /* It is the stream's now. */
        (void)TAKE_FD(fd);
        *ret = directory;
        return 0;
}

/* Makes one directory; a directory that is there, also behind a link, is fine. */
static int make_one(const char *path, mode_t mode)
{
        struct stat status;

        if (mkdir(path, mode) == 0) {
                return 0;
        }
        if (errno != EEXIST) {
                return -errno;
        }
        if (stat(path, &status) < 0) {
                return -errno;
        }
        return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

int directory_make(const char *path, mode_t mode)
{
        _cleanup_free_ char *copy = NULL;
        int r = make_one(path, mode);

        if (r != -ENOENT || !*path) {
                return r;
        }
        copy = strdup(path);
        if (!copy) {
                return -ENOMEM;
        }
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                r = make_one(copy, mode);
                *slash = '/';
                if (r < 0) {
                        return r;
                }
        }
        return make_one(path, mode);
}

int file_lock(int directory_fd, const char *path, int operation)
{
        _cleanup_close_ int fd =
                openat(directory_fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0) {
                return -errno;
        }
        while (flock(fd, operation) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        return TAKE_FD(fd);
}

int file_hold_standard(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) < 0 &&
                    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
                        return errno ? -errno : -EBADF;
                }
        }
        return 0;
}

int file_sealed(const char *name, const void *data, size_t length)
{
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0) {
                return -errno;
        }
        r = file_write_all(fd, data, length);
        if (r < 0) {
                return r;
        }
        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
                return -errno;
        }
        return TAKE_FD(fd);
}

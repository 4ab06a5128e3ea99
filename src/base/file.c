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
#include "base/path.h"
#include "base/strings.h"

/* The size of one step of a copy. */
#define COPY_CHUNK (1U << 20)

int fd_close(int fd)
{
        int saved = errno;

        /* Linux releases the descriptor even if close(2) fails, so it must not be closed again. */
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

void file_drop_mark(char *text, size_t *length)
{
        static const char mark[] = "\xef\xbb\xbf";

        if (string_after(text, mark)) {
                *length -= strlen(mark);
                memmove(text, text + strlen(mark), *length + 1);
        }
}

int file_read_text(const char *path, size_t maximum, char **ret, size_t *ret_length)
{
        int r = file_read(AT_FDCWD, path, maximum, ret, ret_length);

        if (r == 0) {
                file_drop_mark(*ret, ret_length);
        }
        return r;
}

int file_explain(int number, const char *what, const char *path, struct machine_error *error)
{
        if (number == -ENXIO) {
                error_say(error, ENXIO, "cannot read %s \"%s\": it is a FIFO or a socket", what,
                          path);
                error_hint(error, "redirect its output to a file and pass that");
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

int file_rewrite(int fd, const char *text)
{
        size_t length = strlen(text);
        struct stat status;
        _cleanup_free_ char *padded = NULL;
        size_t whole;

        if (fstat(fd, &status) < 0) {
                return -errno;
        }
        whole = (size_t)status.st_size > length ? (size_t)status.st_size : length;
        padded = malloc(whole + 1);
        if (!padded) {
                return -ENOMEM;
        }
        memset(padded, '\n', whole);
        memcpy(padded, text, length);
        if (pwrite(fd, padded, whole, 0) != (ssize_t)whole) {
                return errno > 0 ? -errno : -EIO;
        }
        return whole > length && ftruncate(fd, (off_t)length) < 0 ? -errno : 0;
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

/* From one offset to another. What ends before is over. */
static int copy_range(int from, int to, off_t begin, off_t end, char *chunk)
{
        while (begin < end) {
                size_t wanted = end - begin < COPY_CHUNK ? (size_t)(end - begin) : COPY_CHUNK;
                ssize_t n = pread(from, chunk, wanted, begin);
                int r;

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n <= 0 || lseek(to, begin, SEEK_SET) < 0) {
                        return n == 0 ? 0 : -errno;
                }
                r = file_write_all(to, chunk, (size_t)n);
                if (r < 0) {
                        return r;
                }
                begin += n;
        }
        return 0;
}

int file_copy_sparse(int from, int to)
{
        _cleanup_free_ char *chunk = malloc(COPY_CHUNK);
        struct stat status;
        off_t data;
        int r = 0;

        if (!chunk) {
                return -ENOMEM;
        }
        if (fstat(from, &status) < 0) {
                return -errno;
        }
        /* A file of procfs has no size, but content. */
        data = status.st_size > 0 ? lseek(from, 0, SEEK_DATA) : -1;
        if (data < 0 && (status.st_size == 0 || errno != ENXIO)) {
                return file_copy(from, to);
        }
        /* What is appended meanwhile is not followed. */
        while (r == 0 && data >= 0 && data < status.st_size) {
                off_t hole = lseek(from, data, SEEK_HOLE);

                r = hole < 0 ? -errno : copy_range(from, to, data, hole, chunk);
                data = r < 0 ? -1 : lseek(from, hole, SEEK_DATA);
        }
        return r < 0 || ftruncate(to, status.st_size) == 0 ? r : -errno;
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
        /* Writers of a file hold its lock, so an existing temporary file was left by a process that
         * died. */
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

/* What a file of this mode is, such as "a FIFO", if it is neither a regular file, a directory nor a
 * symbolic link; otherwise NULL. */
static const char *special_kind(mode_t mode)
{
        switch (mode & S_IFMT) {
        case S_IFCHR:
                return "a character device";
        case S_IFBLK:
                return "a block device";
        case S_IFIFO:
                return "a FIFO";
        case S_IFSOCK:
                return "a socket";
        }
        return NULL;
}

static int refuse_to_replace(const char *path, const char *way, const char *kind,
                             struct machine_error *error)
{
        error_say(error, EEXIST, "\"%s\" is %s%s, which a file must not replace", path, way, kind);
        error_hint(error, "give the path of a file or of a directory");
        return -EEXIST;
}

/* Whether a link that leads to nothing would lead to an open file of another process: those of
 * /dev, as seen from outside of the machine. */
static bool leads_to_process(int directory_fd, const char *name)
{
        char target[64];
        ssize_t n = readlinkat(directory_fd, name, target, sizeof target - 1);

        target[n > 0 ? n : 0] = '\0';
        return path_is_below(target, "/proc");
}

/* Where a link leads. A link to an open file of a process (proc_pid_fd(5)) is not followed. */
static int check_link(int root_fd, const char *path, int directory_fd, const char *name,
                      struct machine_error *error)
{
        static const char way[] = "a symbolic link to ";
        _cleanup_close_ int fd = path_open_in_root(root_fd, path, O_PATH, 0);
        struct stat status;
        const char *kind;

        if (fd == -ELOOP || (fd == -ENOENT && leads_to_process(directory_fd, name))) {
                return refuse_to_replace(path, way, "an open file of a process, or to itself",
                                         error);
        }
        if (fd < 0) {
                return fd == -ENOENT ? 0 : error_set(error, fd, "cannot follow \"%s\"", path);
        }
        if (fstat(fd, &status) < 0) {
                return error_set(error, errno, "cannot stat \"%s\"", path);
        }
        kind = special_kind(status.st_mode);
        return kind ? refuse_to_replace(path, way, kind, error) : 0;
}

/* 1: it is a link. */
static int check_name(int directory_fd, const char *name, const char *path,
                      struct machine_error *error)
{
        struct stat status;
        const char *kind;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return errno == ENOENT ? 0 : error_set(error, errno, "cannot stat \"%s\"", path);
        }
        kind = special_kind(status.st_mode);
        return kind ? refuse_to_replace(path, "", kind, error) : S_ISLNK(status.st_mode);
}

int file_check_replaceable(int root_fd, const char *path, struct machine_error *error)
{
        const char *name;
        _cleanup_close_ int parent = path_open_parent_in_root(root_fd, path, &name);
        int r;

        if (parent < 0) {
                return error_set(error, parent, "cannot open the directory of \"%s\"", path);
        }
        r = check_name(parent, name, path, error);
        return r > 0 ? check_link(root_fd, path, parent, name, error) : r;
}

int file_check_replaceable_here(const char *path, struct machine_error *error)
{
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *here = path[0] == '/' ? NULL : get_current_dir_name();
        _cleanup_free_ char *absolute = path_join(here ? here : "/", path);

        if (root < 0 || !absolute || (path[0] != '/' && !here)) {
                return error_set(error, errno, "cannot open \"%s\"", path);
        }
        return file_check_replaceable(root, absolute, error);
}

int file_check_replaceable_at(int directory_fd, const char *name, struct machine_error *error)
{
        int r = check_name(directory_fd, name, name, error);

        return r < 0 ? r : 0;
}

/* Creates one directory; an existing directory, or a link to one, is fine. */
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

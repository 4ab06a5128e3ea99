/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/hosts_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strings.h"

#define FILE_MAXIMUM (64u << 20)

/* Blank lines below this size stay. */
#define BLANK_MINIMUM 4096

int hosts_file_create(int directory_fd, const char *path, const char *head, const char *lines)
{
        _cleanup_free_ char *text = string_format("%s%s", head, lines);

        return text ? file_replace(directory_fd, path, text, strlen(text), 0644) : -ENOMEM;
}

static int open_file(int directory_fd, const char *path)
{
        int fd = openat(directory_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? -errno : fd;
}

/* The lines of machines. A file without the end of its head has none. */
static char *find_lines(char *text)
{
        char *end = strstr(text, HOSTS_FILE_END_OF_HEAD);

        return end ? end + strlen(HOSTS_FILE_END_OF_HEAD) : text + strlen(text);
}

static int read_open(int fd, char **ret)
{
        return lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, FILE_MAXIMUM, ret, NULL);
}

int hosts_file_add(int directory_fd, const char *path, const char *lines, bool first)
{
        _cleanup_close_ int fd = open_file(directory_fd, path);
        _cleanup_free_ char *text = NULL, *whole = NULL;
        size_t length = strlen(lines);
        struct stat status;
        char *others;
        int r;

        if (fd < 0) {
                return fd;
        }
        if (!first) {
                if (fstat(fd, &status) < 0) {
                        return -errno;
                }
                return pwrite(fd, lines, length, status.st_size) == (ssize_t)length ? 0 : -EIO;
        }
        r = read_open(fd, &text);
        if (r < 0) {
                return r;
        }
        others = find_lines(text);
        whole = string_format("%.*s%s%s", (int)(others - text), text, lines, others);
        return whole ? file_rewrite(fd, whole) : -ENOMEM;
}

static bool is_blank(const char *line, size_t length)
{
        return strspn(line, " ") + 1 == length;
}

/* Removes the blank lines of a text. */
static void squeeze(char *text)
{
        char *to = text;

        for (char *line = text; *line;) {
                size_t length = strcspn(line, "\n") + 1;

                if (!is_blank(line, length)) {
                        memmove(to, line, length);
                        to += length;
                }
                line += length;
        }
        *to = '\0';
}

static size_t count_blank(const char *text)
{
        size_t blank = 0;

        for (const char *line = text; *line;) {
                size_t length = strcspn(line, "\n") + 1;

                blank += is_blank(line, length) ? length : 0;
                line += length;
        }
        return blank;
}

static char *find_whole_lines(char *text, const char *lines)
{
        for (char *at = text; (at = strstr(at, lines)); at++) {
                if (at == text || at[-1] == '\n') {
                        return at;
                }
        }
        return NULL;
}

int hosts_file_drop(int directory_fd, const char *path, const char *lines)
{
        _cleanup_close_ int fd = open_file(directory_fd, path);
        _cleanup_free_ char *text = NULL;
        size_t length = strlen(lines), blank;
        char *all, *at;
        int r;

        if (fd < 0) {
                return fd == -ENOENT ? 0 : fd;
        }
        r = read_open(fd, &text);
        if (r < 0) {
                return r;
        }
        all = find_lines(text);
        at = find_whole_lines(all, lines);
        if (!at || length == 0) {
                return 0;
        }
        memset(at, ' ', length - 1);
        at[length - 1] = '\n';
        blank = count_blank(all);
        if (blank > BLANK_MINIMUM && blank > strlen(all) / 2) {
                squeeze(all);
                return file_rewrite(fd, text);
        }
        return pwrite(fd, at, length, at - text) == (ssize_t)length ? 0 : -EIO;
}

int hosts_file_rewrite(int directory_fd, const char *path, const char *head, const char *lines)
{
        _cleanup_close_ int fd = open_file(directory_fd, path);
        _cleanup_free_ char *text = NULL, *whole = NULL;
        int r;

        if (fd < 0) {
                return fd;
        }
        r = read_open(fd, &text);
        if (r < 0) {
                return r;
        }
        *find_lines(text) = '\0';
        whole = string_format("%s%s", head ? head : text, lines);
        return whole ? file_rewrite(fd, whole) : -ENOMEM;
}

int hosts_file_read(int directory_fd, const char *path, char **ret)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(directory_fd, path, FILE_MAXIMUM, &text, NULL);

        if (r < 0) {
                return r;
        }
        *ret = strdup(find_lines(text));
        return *ret ? 0 : -ENOMEM;
}

bool hosts_file_has(const char *text, const char *name)
{
        size_t length = strlen(name);

        for (const char *line = text; *line; line += *line == '\n') {
                const char *word = line + strcspn(line, " \n");

                while (*word == ' ') {
                        size_t size = strcspn(++word, " \n");

                        if (size == length && strncasecmp(word, name, length) == 0) {
                                return true;
                        }
                        word += size;
                }
                line = word;
        }
        return false;
}

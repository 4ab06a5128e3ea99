/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/copy_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"

/* How deep directories may lie in each other: each level is a call and a descriptor. */
#define DEPTH_MAXIMUM 256

enum item_type {
        ITEM_FILE,  /* with a descriptor of its content */
        ITEM_LINK,  /* with a target */
        ITEM_ENTER, /* a directory, whose content follows */
        ITEM_LEAVE,
        ITEM_END,
};

struct item {
        enum item_type type;
        mode_t mode;
        char name[NAME_MAX + 1];
        char target[PATH_MAX];
};

/* ---- the socket ---- */

static int send_item(int socket, const struct item *item, int fd, struct machine_error *error)
{
        char control[CMSG_SPACE(sizeof(int))] = { 0 };
        struct iovec data = { (void *)item, sizeof *item };
        struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

        if (fd >= 0) {
                struct cmsghdr *header;

                message.msg_control = control;
                message.msg_controllen = sizeof control;
                header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(sizeof fd);
                memcpy(CMSG_DATA(header), &fd, sizeof fd);
        }
        while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
                if (errno == EPIPE || errno == ECONNRESET) {
                        return -EPIPE;
                }
                if (errno != EINTR) {
                        return error_set(error, errno, "cannot hand over \"%s\"", item->name);
                }
        }
        return 0;
}

/* The descriptor that came along, if any, is the caller's. */
static int receive_item(int socket, struct item *ret, int *ret_fd, struct machine_error *error)
{
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec data = { ret, sizeof *ret };
        struct msghdr message = {
                .msg_iov = &data,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof control,
        };
        struct cmsghdr *header;
        ssize_t n;

        do {
                n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
                return -EPIPE;
        }
        if (n < 0) {
                return error_set(error, errno, "cannot receive what is to be copied");
        }
        *ret_fd = -EBADF;
        header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
                memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
        }
        if (n != sizeof *ret || !memchr(ret->name, '\0', sizeof ret->name) ||
            !memchr(ret->target, '\0', sizeof ret->target) ||
            (ret->type == ITEM_FILE && *ret_fd < 0) ||
            (ret->type <= ITEM_ENTER && !path_is_component(ret->name))) {
                fd_close(*ret_fd);
                return error_say(error, EBADMSG, "what is to be copied came in damaged");
        }
        return 0;
}

/* ---- the sending end ---- */

static int send_entry(int socket, int fd, const char *name, unsigned int depth,
                      struct machine_error *error);

/* An O_PATH descriptor opened for reading: what it is has been looked at before, so that no device
 * is opened and no FIFO waits. */
static int reopen(int fd, int flags)
{
        char path[32];
        int opened;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        opened = open(path, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return opened < 0 ? -errno : opened;
}

static int send_directory(int socket, int fd, struct item *item, unsigned int depth,
                          struct machine_error *error)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int opened, r;

        if (depth == 0) {
                return error_say(error, ELOOP, "\"%s\" lies more than %d directories deep",
                                 item->name, DEPTH_MAXIMUM);
        }
        opened = reopen(fd, O_DIRECTORY);
        directory = opened < 0 ? NULL : fdopendir(opened);
        if (!directory) {
                fd_close(opened);
                return error_set(error, opened < 0 ? opened : ENOMEM, "cannot open \"%s\"",
                                 item->name);
        }
        item->type = ITEM_ENTER;
        r = send_item(socket, item, -EBADF, error);
        while (r == 0 && (errno = 0, entry = readdir(directory))) {
                _cleanup_close_ int below = -EBADF;

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
                        continue;
                }
                below = openat(dirfd(directory), entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                if (below < 0 && errno == ENOENT) { /* removed meanwhile */
                        continue;
                }
                r = below < 0 ? error_set(error, errno, "cannot open \"%s\"", entry->d_name)
                              : send_entry(socket, below, entry->d_name, depth - 1, error);
        }
        if (r == 0 && errno != 0) {
                r = error_set(error, errno, "cannot read directory \"%s\"", item->name);
        }
        item->type = ITEM_LEAVE;
        return r < 0 ? r : send_item(socket, item, -EBADF, error);
}

static int send_link(int socket, int fd, struct item *item, struct machine_error *error)
{
        ssize_t n = readlinkat(fd, "", item->target, sizeof item->target - 1);

        if (n < 0) {
                return error_set(error, errno, "cannot read the link \"%s\"", item->name);
        }
        item->target[n] = '\0';
        item->type = ITEM_LINK;
        return send_item(socket, item, -EBADF, error);
}

static int send_file(int socket, int fd, struct item *item, struct machine_error *error)
{
        _cleanup_close_ int content = reopen(fd, 0);

        if (content < 0) {
                return error_set(error, content, "cannot open \"%s\"", item->name);
        }
        item->type = ITEM_FILE;
        return send_item(socket, item, content, error);
}

static int send_entry(int socket, int fd, const char *name, unsigned int depth,
                      struct machine_error *error)
{
        _cleanup_free_ struct item *item = calloc(1, sizeof *item);
        struct stat status;

        if (!item) {
                return error_oom(error);
        }
        if (fstat(fd, &status) < 0) {
                return error_set(error, errno, "cannot look at \"%s\"", name);
        }
        snprintf(item->name, sizeof item->name, "%s", name);
        item->mode = status.st_mode & 0777;
        switch (status.st_mode & S_IFMT) {
        case S_IFREG:
                return send_file(socket, fd, item, error);
        case S_IFDIR:
                return send_directory(socket, fd, item, depth, error);
        case S_IFLNK:
                return send_link(socket, fd, item, error);
        default:
                return error_say(error, EINVAL,
                                 "\"%s\" is neither a file nor a directory nor a link", name);
        }
}

/* The last component of a path, without slashes at its end. */
static char *last_component(const char *path)
{
        size_t end = strlen(path), start;

        while (end > 0 && path[end - 1] == '/') {
                end--;
        }
        start = end;
        while (start > 0 && path[start - 1] != '/') {
                start--;
        }
        return strndup(path + start, end - start);
}

int copy_send(int socket, int root_fd, const char *path, struct machine_error *error)
{
        _cleanup_free_ char *name = last_component(path);
        _cleanup_free_ struct item *end = calloc(1, sizeof *end);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!name || !end) {
                return error_oom(error);
        }
        if (!path_is_component(name)) {
                return error_say(error, EINVAL, "\"%s\" does not end with a name", path);
        }
        fd = path_open_in_root(root_fd, path, O_PATH, 0);
        if (fd < 0) {
                return error_set(error, fd, "cannot open \"%s\"", path);
        }
        end->type = ITEM_END;
        r = send_entry(socket, fd, name, DEPTH_MAXIMUM, error);
        return r < 0 ? r : send_item(socket, end, -EBADF, error);
}

/* ---- the receiving end ---- */

/* A name that nothing has yet. What stands in the way was put there by somebody who guesses, and
 * is an error. */
static void temporary_name(const char *purpose, char name[static 64])
{
        static const char prefix[] = ".machinectl-lite";

        snprintf(name, 64, "%s-%s-%d", prefix, purpose, getpid());
}

/* Never writes to a file that is there: it could be one of the kernel's, or have other names. */
static int receive_file(int directory, const struct item *item, int content)
{
        _cleanup_close_ int fd = -EBADF;
        char temporary[64];
        int r;

        temporary_name("file", temporary);
        fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
        if (fd < 0) {
                return -errno;
        }
        r = file_copy(content, fd);
        if (r == 0 && (fchmod(fd, item->mode) < 0 ||
                       renameat(directory, temporary, directory, item->name) < 0)) {
                r = -errno;
        }
        if (r < 0) {
                (void)unlinkat(directory, temporary, 0);
        }
        return r;
}

static int receive_link(int directory, const struct item *item)
{
        char temporary[64];
        int r = 0;

        temporary_name("link", temporary);
        if (symlinkat(item->target, directory, temporary) < 0) {
                return -errno;
        }
        if (renameat(directory, temporary, directory, item->name) < 0) {
                r = -errno;
                (void)unlinkat(directory, temporary, 0);
        }
        return r;
}

/* Directories that are entered, outermost first. */
struct receiving {
        int directories[DEPTH_MAXIMUM + 1];
        mode_t modes[DEPTH_MAXIMUM + 1]; /* for those that are new, else 0 */
        size_t depth;
};

static int enter(struct receiving *receiving, const struct item *item)
{
        int above = receiving->directories[receiving->depth], fd;
        bool new = mkdirat(above, item->name, 0700) == 0;

        if (!new &&errno != EEXIST) {
                return -errno;
        }
        if (receiving->depth == DEPTH_MAXIMUM) {
                return -ELOOP;
        }
        fd = openat(above, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
                return -errno;
        }
        receiving->depth++;
        receiving->directories[receiving->depth] = fd;
        receiving->modes[receiving->depth] = new ? item->mode | S_IFDIR : 0;
        return 0;
}

static int leave(struct receiving *receiving)
{
        int fd = receiving->directories[receiving->depth];
        mode_t mode = receiving->modes[receiving->depth];
        int r = 0;

        if (receiving->depth == 0) {
                return -EBADMSG;
        }
        /* Last, for it may forbid writing. */
        if (mode != 0 && fchmod(fd, mode & 0777) < 0) {
                r = -errno;
        }
        fd_close(fd);
        receiving->depth--;
        return r;
}

static int receive_all(int socket, struct receiving *receiving, const char *name,
                       struct machine_error *error)
{
        _cleanup_free_ struct item *item = calloc(1, sizeof *item);

        if (!item) {
                return error_oom(error);
        }
        for (;;) {
                _cleanup_close_ int content = -EBADF;
                int directory = receiving->directories[receiving->depth];
                int r = receive_item(socket, item, &content, error);

                if (r < 0 || item->type == ITEM_END) {
                        return r;
                }
                if (name && receiving->depth == 0) {
                        snprintf(item->name, sizeof item->name, "%s", name);
                }
                r = item->type == ITEM_FILE    ? receive_file(directory, item, content)
                    : item->type == ITEM_LINK  ? receive_link(directory, item)
                    : item->type == ITEM_ENTER ? enter(receiving, item)
                                               : leave(receiving);
                if (r < 0) {
                        return error_set(error, r, "cannot make \"%s\"", item->name);
                }
        }
}

/* An existing directory takes the copy under its own name; else the path's last component is the
 * name. */
static int open_target(int root_fd, const char *path, char **ret_name, struct machine_error *error)
{
        _cleanup_free_ char *name = NULL;
        int fd = path_open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);
        const char *last;

        if (fd >= 0) {
                return fd;
        }
        name = last_component(path);
        if (!name) {
                return error_oom(error);
        }
        last = name;
        if (path[0] && !string_ends_with(path, "/") && (fd == -ENOENT || fd == -ENOTDIR)) {
                fd = path_open_parent_in_root(root_fd, path, &last);
        }
        if (fd < 0) {
                return error_set(error, fd, "cannot open \"%s\"", path);
        }
        *ret_name = TAKE_PTR(name);
        return fd;
}

int copy_receive(int socket, int root_fd, const char *path, struct machine_error *error)
{
        struct receiving receiving = { 0 };
        _cleanup_free_ char *name = NULL;
        int r = open_target(root_fd, path, &name, error);

        if (r < 0) {
                return r;
        }
        receiving.directories[0] = r;
        r = receive_all(socket, &receiving, name, error);
        for (size_t i = 0; i <= receiving.depth; i++) {
                fd_close(receiving.directories[i]);
        }
        return r;
}

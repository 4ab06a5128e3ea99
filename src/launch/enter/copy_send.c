/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/attributes.h"
#include "base/tree/directory.h"
#include "launch/enter/copy_item.h"
#include "launch/enter/copy_tree.h"

/* A file with several hard links, of which one has been sent. */
struct sent {
        dev_t device;
        ino_t inode;
        uint32_t number;
};

struct sending {
        const struct copy_end *end;
        void *sent; /* tsearch(3) */
        uint32_t count;
};

static const struct item_files no_files = ITEM_FILES_INIT;

static int compare_sent(const void *a, const void *b)
{
        const struct sent *one = a, *other = b;

        if (one->device != other->device) {
                return one->device < other->device ? -1 : 1;
        }
        return (one->inode > other->inode) - (one->inode < other->inode);
}

/* Numbers a file with several hard links. Returns 1 if one has been sent, 0, or -ENOMEM. */
static int number_names(struct sending *sending, const struct stat *status, struct item *item)
{
        struct sent *sent, **found;

        if (!sending->end->archive || status->st_nlink < 2 || S_ISDIR(status->st_mode)) {
                return 0;
        }
        sent = malloc(sizeof *sent);
        if (!sent) {
                return -ENOMEM;
        }
        *sent = (struct sent){ status->st_dev, status->st_ino, sending->count + 1 };
        found = tsearch(sent, &sending->sent, compare_sent);
        if (!found || *found != sent) {
                free(sent);
        }
        if (!found) {
                return -ENOMEM;
        }
        item->number = (*found)->number;
        if (item->number <= sending->count) {
                return 1;
        }
        sending->count++;
        return 0;
}

static int send_entry(struct sending *sending, int fd, const char *name, unsigned int depth,
                      struct machine_error *error);

/* Opens an O_PATH descriptor for reading. The caller has checked its type, so that no device is
 * opened and no FIFO blocks. */
static int reopen(int fd)
{
        char path[32];
        int opened;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return opened < 0 ? -errno : opened;
}

static int add_attributes(const struct sending *sending, int fd, const struct item *item,
                          struct item_files *files, struct machine_error *error)
{
        _cleanup_free_ char *bytes = NULL;
        size_t length = 0;
        int r = sending->end->archive ? attributes_get(fd, &bytes, &length) : 0;

        if (r == 0 && bytes) {
                r = files->attributes = file_sealed("attributes", bytes, length);
        }
        return r < 0 ? error_set(error, r, "cannot read the attributes of \"%s\"", item->name) : 0;
}

static int send_content(struct sending *sending, DIR *directory, const struct item *item,
                        unsigned int depth, struct machine_error *error)
{
        const struct dirent *entry;
        int r = 0;

        while (r == 0 && (entry = directory_next(directory))) {
                _cleanup_close_ int below =
                        openat(dirfd(directory), entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

                if (below < 0 && errno == ENOENT) { /* removed meanwhile */
                        continue;
                }
                r = below < 0 ? error_set(error, errno, "cannot open \"%s\"", entry->d_name)
                              : send_entry(sending, below, entry->d_name, depth, error);
        }
        return r == 0 && errno != 0
                       ? error_set(error, errno, "cannot read directory \"%s\"", item->name)
                       : r;
}

/* The directory's metadata is sent again after its content, when it does not change any more. */
static int send_directory(struct sending *sending, int fd, struct item *item, unsigned int depth,
                          struct machine_error *error)
{
        _cleanup_item_files_ struct item_files files = ITEM_FILES_INIT;
        _cleanup_closedir_ DIR *directory = NULL;
        int r;

        if (depth == 0) {
                return error_say(error, ELOOP, "\"%s\" is more than %d directories deep",
                                 item->name, COPY_DEPTH_MAXIMUM);
        }
        r = directory_open(fd, &directory);
        if (r < 0) {
                return error_set(error, r, "cannot open \"%s\"", item->name);
        }
        r = add_attributes(sending, dirfd(directory), item, &files, error);
        item->type = ITEM_ENTER;
        if (r == 0) {
                r = item_send(sending->end->socket, item, &no_files, error);
        }
        if (r == 0) {
                r = send_content(sending, directory, item, depth - 1, error);
        }
        item->type = ITEM_LEAVE;
        return r < 0 ? r : item_send(sending->end->socket, item, &files, error);
}

static int send_link(struct sending *sending, int fd, struct item *item,
                     struct machine_error *error)
{
        ssize_t n = readlinkat(fd, "", item->target, sizeof item->target - 1);

        if (n < 0) {
                return error_set(error, errno, "cannot read the link \"%s\"", item->name);
        }
        item->target[n] = '\0';
        item->type = ITEM_LINK;
        return item_send(sending->end->socket, item, &no_files, error);
}

static int send_file(struct sending *sending, int fd, struct item *item,
                     struct machine_error *error)
{
        _cleanup_item_files_ struct item_files files = ITEM_FILES_INIT;
        int r;

        files.content = reopen(fd);
        if (files.content < 0) {
                return error_set(error, files.content, "cannot open \"%s\"", item->name);
        }
        r = add_attributes(sending, files.content, item, &files, error);
        item->type = ITEM_FILE;
        return r < 0 ? r : item_send(sending->end->socket, item, &files, error);
}

/* Devices of one side do not exist on the other. */
static int send_special(struct sending *sending, struct item *item, struct machine_error *error)
{
        bool node = S_ISFIFO(item->mode) || S_ISSOCK(item->mode);

        if (!sending->end->archive || !node) {
                error_say(error, EINVAL, "\"%s\" is neither a file nor a directory nor a link",
                          item->name);
                if (node) {
                        error_hint(error, "--archive copies FIFOs and sockets, too");
                }
                return -EINVAL;
        }
        item->type = ITEM_SPECIAL;
        return item_send(sending->end->socket, item, &no_files, error);
}

static int send_entry(struct sending *sending, int fd, const char *name, unsigned int depth,
                      struct machine_error *error)
{
        _cleanup_free_ struct item *item = calloc(1, sizeof *item);
        struct stat status;
        int r;

        if (!item) {
                return error_oom(error);
        }
        if (fstat(fd, &status) < 0) {
                return error_set(error, errno, "cannot stat \"%s\"", name);
        }
        snprintf(item->name, sizeof item->name, "%s", name);
        item->mode = status.st_mode;
        item->uid = status.st_uid;
        item->gid = status.st_gid;
        item->times[0] = status.st_atim;
        item->times[1] = status.st_mtim;
        r = number_names(sending, &status, item);
        if (r < 0) {
                return error_oom(error);
        }
        if (r > 0) {
                item->type = ITEM_HARD_LINK;
                return item_send(sending->end->socket, item, &no_files, error);
        }
        switch (status.st_mode & S_IFMT) {
        case S_IFREG:
                return send_file(sending, fd, item, error);
        case S_IFDIR:
                return send_directory(sending, fd, item, depth, error);
        case S_IFLNK:
                return send_link(sending, fd, item, error);
        default:
                return send_special(sending, item, error);
        }
}

char *copy_last_component(const char *path)
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

int copy_send(const struct copy_end *end, struct machine_error *error)
{
        _cleanup_free_ char *name = copy_last_component(end->path);
        _cleanup_free_ struct item *last = calloc(1, sizeof *last);
        _cleanup_close_ int fd = -EBADF;
        struct sending sending = { .end = end };
        int r;

        if (!name || !last) {
                return error_oom(error);
        }
        if (!path_is_component(name)) {
                return error_say(error, EINVAL, "\"%s\" does not end with a name", end->path);
        }
        fd = path_open_in_root(end->root_fd, end->path, O_PATH, 0);
        if (fd < 0) {
                return error_set(error, fd, "cannot open \"%s\"", end->path);
        }
        last->type = ITEM_END;
        r = send_entry(&sending, fd, name, COPY_DEPTH_MAXIMUM, error);
        tdestroy(sending.sent, free);
        return r < 0 ? r : item_send(end->socket, last, &no_files, error);
}

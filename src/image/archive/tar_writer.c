/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive/tar_writer.h"

#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "base/tree/walk.h"
#include "image/common/entries.h"
#include "image/common/opaque.h"

#define READ_SIZE (128U << 10)

/* The prefix of a whiteout's name (OCI image specification, "Representing Changes"). */
#define WHITEOUT ".wh."

struct writer {
        tar_output output;
        void *data;
        void *links; /* tsearch(3) tree of struct link: files with more than one name */
        void *skipped;
        bool plain;   /* an archive of an image rather than a layer */
        bool literal; /* files as they are: whiteouts have no meaning */
        bool inside;  /* in a user namespace */
        uint8_t *buffer;
        struct machine_error *error;
};

struct link {
        ino_t inode;
        dev_t device;
        char path[];
};

static int compare_links(const void *a, const void *b)
{
        const struct link *one = a, *other = b;

        if (one->device != other->device) {
                return one->device < other->device ? -1 : 1;
        }
        return one->inode < other->inode ? -1 : one->inode > other->inode;
}

static int compare_paths(const void *a, const void *b)
{
        return strcmp(a, b);
}

static int read_skipped(struct writer *writer, int fd)
{
        _cleanup_free_ char *line = NULL;
        _cleanup_fclose_ FILE *file = NULL;
        size_t room = 0;
        ssize_t length;
        int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

        if (fd < 0) {
                return 0;
        }
        file = own < 0 ? NULL : fdopen(own, "r");
        while (file && (length = getline(&line, &room, file)) > 0) {
                char *copy;

                line[length - 1] = '\0';
                if (line[0] == 'h') {
                        /* A hard link to a file that is in the search tree. */
                        continue;
                }
                if (line[0] != '/' || entry_unescape(line) < 0) {
                        return -EINVAL;
                }
                copy = strdup(line + 1);
                if (!copy || !tsearch(copy, &writer->skipped, compare_paths)) {
                        free(copy);
                        return -ENOMEM;
                }
        }
        return file ? 0 : -errno;
}

/* The first name of a file that has several; NULL if this one is the first. */
static int known_link(struct writer *writer, const struct stat *status, const char *path,
                      const char **ret)
{
        struct link *link, **found;

        *ret = NULL;
        if (status->st_nlink < 2 || S_ISDIR(status->st_mode) || writer->plain) {
                return 0;
        }
        link = malloc(sizeof *link + strlen(path) + 1);
        if (!link) {
                return -ENOMEM;
        }
        link->inode = status->st_ino;
        link->device = status->st_dev;
        strcpy(link->path, path);
        found = tsearch(link, &writer->links, compare_links);
        if (!found) {
                free(link);
                return -ENOMEM;
        }
        if (*found != link) {
                free(link);
                *ret = (*found)->path;
        }
        return 0;
}

/* The extended attributes of a file that are content; all values share one allocation. */
struct attributes {
        char *names;
        char *values;
        struct entry_attribute *items;
        size_t count;
};

static void attributes_clear(struct attributes *attributes)
{
        free(attributes->names);
        free(attributes->values);
        free(attributes->items);
}

static ssize_t read_value(const char *name, const char *attribute, struct attributes *attributes,
                          size_t used)
{
        ssize_t length = lgetxattr(name, attribute, NULL, 0);
        char *grown = length < 0 ? NULL : realloc(attributes->values, used + (size_t)length + 1);

        if (!grown) {
                return length < 0 ? -errno : -ENOMEM;
        }
        attributes->values = grown;
        length = lgetxattr(name, attribute, grown + used, (size_t)length);
        return length < 0 ? -errno : length;
}

/* The working directory is that of the file. */
static int read_attributes(const char *name, struct attributes *ret)
{
        ssize_t size = llistxattr(name, NULL, 0);
        size_t used = 0;

        if (size <= 0) {
                return size == 0 || errno == EOPNOTSUPP ? 0 : -errno;
        }
        ret->names = malloc((size_t)size);
        ret->items = calloc((size_t)size, sizeof *ret->items);
        if (!ret->names || !ret->items) {
                return -ENOMEM;
        }
        size = llistxattr(name, ret->names, (size_t)size);
        if (size < 0) {
                return -errno;
        }
        for (char *at = ret->names; at < ret->names + size; at += strlen(at) + 1) {
                ssize_t length;

                if (!entry_attribute_counts(at)) {
                        continue;
                }
                length = read_value(name, at, ret, used);
                if (length < 0) {
                        return (int)length;
                }
                ret->items[ret->count++] = (struct entry_attribute){ at, NULL, (size_t)length };
                used += (size_t)length;
        }
        used = 0;
        for (size_t i = 0; i < ret->count; i++) {
                ret->items[i].value = ret->values + used;
                used += ret->items[i].length;
        }
        return 0;
}

static int write_content(struct writer *writer, int directory_fd, const char *name, uint64_t size)
{
        _cleanup_close_ int fd =
                openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        uint64_t done = 0;
        int r = fd < 0 ? -errno : 0;

        while (r == 0 && done < size) {
                ssize_t n = read(fd, writer->buffer,
                                 size - done < READ_SIZE ? (size_t)(size - done) : READ_SIZE);

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n <= 0) {
                        /* The file shrank while it was read. */
                        return n < 0 ? -errno : -EBUSY;
                }
                r = writer->output(writer->data, writer->buffer, (size_t)n);
                done += (uint64_t)n;
        }
        return r == 0 ? tar_format_padding(size, writer->output, writer->data) : r;
}

/* An empty file whose name is an instruction for unpacking. */
static int write_mark(struct writer *writer, const char *directory, const char *name)
{
        _cleanup_free_ char *path = string_format("%s%s%s", directory, *directory ? "/" : "", name);
        const struct tar_member member = { .path = path, .mode = S_IFREG | 0600 };

        return path ? tar_format_member(&member, writer->output, writer->data) : -ENOMEM;
}

static int write_whiteout(struct writer *writer, const char *path)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
        _cleanup_free_ char *name = string_format(WHITEOUT "%s", slash ? slash + 1 : path);

        return directory && name ? write_mark(writer, directory, name) : -ENOMEM;
}

/* In the archive of an image, files belong to root and their time is zero. */
static int write_described(struct writer *writer, int directory_fd, const char *name,
                           struct tar_member *member, const struct stat *status)
{
        struct attributes attributes = { 0 };
        char target[PATH_MAX];
        int r = 0;

        if (writer->plain) {
                member->mode =
                        (status->st_mode & S_IFMT) | (S_ISDIR(status->st_mode) ? 0755 : 0644);
                return tar_format_member(member, writer->output, writer->data);
        }
        member->uid = status->st_uid;
        member->gid = status->st_gid;
        member->mtime = status->st_mtim;
        member->device = status->st_rdev;
        if (S_ISLNK(status->st_mode)) {
                ssize_t n = readlinkat(directory_fd, name, target, sizeof target - 1);

                if (n < 0) {
                        return -errno;
                }
                target[n] = '\0';
                member->target = target;
        }
        r = fchdir(directory_fd) < 0 ? -errno : read_attributes(*name ? name : ".", &attributes);
        if (r == 0) {
                member->attributes = attributes.items;
                member->attribute_count = attributes.count;
                r = tar_format_member(member, writer->output, writer->data);
        }
        /* Owned by this function. */
        member->target = NULL;
        member->attributes = NULL;
        attributes_clear(&attributes);
        return r;
}

static int write_node(struct writer *writer, int directory_fd, const char *name, const char *path,
                      const struct stat *status)
{
        _cleanup_free_ char *full =
                string_format("%s%s", *path ? path : ".", S_ISDIR(status->st_mode) ? "/" : "");
        struct tar_member member = { .path = full, .mode = status->st_mode };
        const char *first;
        int r;

        if (!full) {
                return -ENOMEM;
        }
        r = known_link(writer, status, path, &first);
        if (r < 0) {
                return r;
        }
        if (first) {
                member.target = first;
                member.hard_link = true;
                return tar_format_member(&member, writer->output, writer->data);
        }
        member.size = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0;
        r = write_described(writer, directory_fd, name, &member, status);
        return r == 0 && member.size > 0 ? write_content(writer, directory_fd, name, member.size)
                                         : r;
}

/* Unpacking the layer would remove another file instead. */
static int refuse(const struct writer *writer, const char *path)
{
        _cleanup_free_ char *printable = string_printable(path);

        error_say(writer->error, EINVAL,
                  "/%s cannot be part of a layer: names that begin with \"" WHITEOUT
                  "\" mark removed files",
                  printable ? printable : "");
        error_hint(writer->error, "remove or rename the file");
        return -EINVAL;
}

static int write_file(int directory_fd, const char *name, const char *path, void *data)
{
        struct writer *writer = data;
        bool is_layer = !writer->plain && !writer->literal;
        struct stat status;
        int r = 0;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) {
                return -errno;
        }
        if (writer->plain && !*path) {
                return 0;
        }
        if (is_layer && string_after(name, WHITEOUT)) {
                return refuse(writer, path);
        }
        if (is_layer && S_ISCHR(status.st_mode) && status.st_rdev == 0) {
                return write_whiteout(writer, path);
        }
        /* A socket's process is gone. */
        if (S_ISSOCK(status.st_mode)) {
                return 0;
        }
        if (!writer->skipped || !tfind(path, &writer->skipped, compare_paths)) {
                r = write_node(writer, directory_fd, name, path, &status);
        }
        if (r == 0 && is_layer && S_ISDIR(status.st_mode)) {
                if (fchdir(directory_fd) < 0) {
                        return -errno;
                }
                if (opaque_is_set_by_machine(name, writer->inside)) {
                        r = write_mark(writer, path, ".wh..wh..opq");
                }
        }
        return r;
}

static int run(struct writer *writer, int fd, int skip_fd, struct machine_error *error)
{
        _cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = read_skipped(writer, skip_fd);

        writer->buffer = malloc(READ_SIZE);
        if (r < 0) {
                error_set(error, r, "cannot read the metadata of the layer");
        } else if (!writer->buffer) {
                r = error_oom(error);
        } else {
                r = walk_tree(fd, true, write_file, writer, error);
                if (r == 0) {
                        r = tar_format_end(writer->output, writer->data);
                }
                if (r < 0) {
                        error_wrap(error, r, "cannot write the archive");
                }
        }
        /* Reading attributes changes the working directory. */
        (void)!fchdir(here);
        free(writer->buffer);
        tdestroy(writer->links, free);
        tdestroy(writer->skipped, free);
        return r;
}

int tar_write_tree(int tree_fd, int skip_fd, tar_output output, void *data,
                   struct machine_error *error)
{
        struct writer writer = {
                .output = output,
                .data = data,
                .inside = caller_is_inside(),
                .error = error,
        };

        return run(&writer, tree_fd, skip_fd, error);
}

int tar_write_literal(int tree_fd, tar_output output, void *data, struct machine_error *error)
{
        struct writer writer = { .output = output, .data = data, .literal = true, .error = error };

        return run(&writer, tree_fd, -EBADF, error);
}

int tar_write_files(int directory_fd, tar_output output, void *data, struct machine_error *error)
{
        struct writer writer = { .output = output, .data = data, .plain = true, .error = error };

        return run(&writer, directory_fd, -EBADF, error);
}

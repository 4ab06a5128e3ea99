/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/tar_writer.h"

#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/entries.h"
#include "image/libarchive.h"
#include "image/walk.h"

#define READ_SIZE (128U << 10)

DEFINE_CLEANUP(struct archive_entry *, archive_entry_free, cleanup_entry)
#define _cleanup_entry_ _cleanup_(cleanup_entry)

struct writer {
        struct archive *archive;
        tar_output output;
        void *data;
        int failure; /* of output */
        void *links; /* tsearch(3) tree of struct link: files with more than one name */
        void *skipped;
        bool plain; /* of an archive of an image, not of a layer */
        uint8_t *buffer;
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

static ssize_t write_block(struct archive *archive, void *data, const void *block, size_t length)
{
        struct writer *writer = data;
        int r = writer->output(writer->data, block, length);

        if (r < 0) {
                writer->failure = r;
                return -1;
        }
        return (ssize_t)length;
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

/* The first name of a file that has several, or NULL: then this one is the first. */
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

/* The working directory is the file's. */
static int add_attributes(struct archive_entry *entry, const char *name)
{
        _cleanup_free_ char *names = malloc(XATTR_LIST_MAX), *value = malloc(XATTR_SIZE_MAX);
        ssize_t size;

        if (!names || !value) {
                return -ENOMEM;
        }
        size = llistxattr(name, names, XATTR_LIST_MAX);
        if (size < 0) {
                return errno == EOPNOTSUPP ? 0 : -errno;
        }
        for (char *at = names; at < names + size; at += strlen(at) + 1) {
                ssize_t length;

                if (!entry_attribute_counts(at)) {
                        continue;
                }
                length = lgetxattr(name, at, value, XATTR_SIZE_MAX);
                if (length < 0) {
                        return -errno;
                }
                archive_entry_xattr_add_entry(entry, at, value, (size_t)length);
        }
        return 0;
}

static int write_header(struct writer *writer, struct archive_entry *entry)
{
        int r = archive_write_header(writer->archive, entry);

        return r == ARCHIVE_OK || r == ARCHIVE_WARN ? 0 : writer->failure ? writer->failure : -EIO;
}

static int write_content(struct writer *writer, int directory_fd, const char *name, uint64_t size)
{
        _cleanup_close_ int fd =
                openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        uint64_t done = 0;

        if (fd < 0) {
                return -errno;
        }
        while (done < size) {
                ssize_t n = read(fd, writer->buffer, READ_SIZE);

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n <= 0) {
                        /* It shrank while it was read. */
                        return n < 0 ? -errno : -EBUSY;
                }
                if (archive_write_data(writer->archive, writer->buffer, (size_t)n) < 0) {
                        return writer->failure ? writer->failure : -EIO;
                }
                done += (uint64_t)n;
        }
        return 0;
}

/* An empty file whose name says something to who unpacks. */
static int write_mark(struct writer *writer, const char *directory, const char *name)
{
        _cleanup_entry_ struct archive_entry *entry = archive_entry_new();
        _cleanup_free_ char *path = string_format("%s%s%s", directory, *directory ? "/" : "", name);

        if (!entry || !path) {
                return -ENOMEM;
        }
        archive_entry_set_pathname(entry, path);
        archive_entry_set_mode(entry, S_IFREG | 0600);
        archive_entry_set_size(entry, 0);
        archive_entry_set_mtime(entry, 0, 0);
        return write_header(writer, entry);
}

static int write_whiteout(struct writer *writer, const char *path)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
        _cleanup_free_ char *name = string_format(".wh.%s", slash ? slash + 1 : path);

        return directory && name ? write_mark(writer, directory, name) : -ENOMEM;
}

static int describe(struct writer *writer, struct archive_entry *entry, int directory_fd,
                    const char *name, const struct stat *status)
{
        char target[PATH_MAX];
        ssize_t n;

        archive_entry_set_mode(entry, status->st_mode);
        archive_entry_set_size(entry, S_ISREG(status->st_mode) ? status->st_size : 0);
        if (writer->plain) {
                archive_entry_set_mode(entry, (status->st_mode & S_IFMT) |
                                                      (S_ISDIR(status->st_mode) ? 0755 : 0644));
                archive_entry_set_mtime(entry, 0, 0);
                return 0;
        }
        archive_entry_set_uid(entry, status->st_uid);
        archive_entry_set_gid(entry, status->st_gid);
        archive_entry_set_mtime(entry, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
        if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode)) {
                archive_entry_set_rdevmajor(entry, major(status->st_rdev));
                archive_entry_set_rdevminor(entry, minor(status->st_rdev));
        }
        if (S_ISLNK(status->st_mode)) {
                n = readlinkat(directory_fd, name, target, sizeof target - 1);
                if (n < 0) {
                        return -errno;
                }
                target[n] = '\0';
                archive_entry_set_symlink(entry, target);
        }
        if (fchdir(directory_fd) < 0) {
                return -errno;
        }
        return add_attributes(entry, *name ? name : ".");
}

static int write_node(struct writer *writer, int directory_fd, const char *name, const char *path,
                      const struct stat *status)
{
        _cleanup_entry_ struct archive_entry *entry = archive_entry_new();
        _cleanup_free_ char *full =
                string_format("%s%s", *path ? path : ".", S_ISDIR(status->st_mode) ? "/" : "");
        const char *first;
        int r;

        if (!entry || !full) {
                return -ENOMEM;
        }
        r = known_link(writer, status, path, &first);
        if (r < 0) {
                return r;
        }
        archive_entry_set_pathname(entry, full);
        if (first) {
                archive_entry_set_mode(entry, status->st_mode);
                archive_entry_set_hardlink(entry, first);
                archive_entry_unset_size(entry);
                return write_header(writer, entry);
        }
        r = describe(writer, entry, directory_fd, name, status);
        if (r == 0) {
                r = write_header(writer, entry);
        }
        if (r == 0 && S_ISREG(status->st_mode) && status->st_size > 0) {
                r = write_content(writer, directory_fd, name, (uint64_t)status->st_size);
        }
        return r;
}

static bool is_opaque(const char *name)
{
        char value = 0;

        return lgetxattr(*name ? name : ".", "trusted.overlay.opaque", &value, 1) == 1 &&
               value == 'y';
}

static int write_file(int directory_fd, const char *name, const char *path, void *data)
{
        struct writer *writer = data;
        struct stat status;
        int r = 0;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) {
                return -errno;
        }
        if (writer->plain && !*path) {
                return 0;
        }
        if (!writer->plain && S_ISCHR(status.st_mode) && status.st_rdev == 0) {
                return write_whiteout(writer, path);
        }
        /* A socket is of a process that is gone. */
        if (S_ISSOCK(status.st_mode)) {
                return 0;
        }
        if (!writer->skipped || !tfind(path, &writer->skipped, compare_paths)) {
                r = write_node(writer, directory_fd, name, path, &status);
        }
        if (r == 0 && !writer->plain && S_ISDIR(status.st_mode)) {
                if (fchdir(directory_fd) < 0) {
                        return -errno;
                }
                if (is_opaque(name)) {
                        r = write_mark(writer, path, ".wh..wh..opq");
                }
        }
        return r;
}

static int write_all(struct writer *writer, int fd, struct machine_error *error)
{
        int r;

        if (!writer->archive || !writer->buffer ||
            archive_write_set_format_pax_restricted(writer->archive) != ARCHIVE_OK ||
            archive_write_set_options(writer->archive, "xattrheader=SCHILY") != ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(writer->archive, 1) != ARCHIVE_OK ||
            archive_write_open(writer->archive, writer, NULL, write_block, NULL) != ARCHIVE_OK) {
                return error_oom(error);
        }
        r = walk_tree(fd, true, write_file, writer);
        if (r == 0 && archive_write_close(writer->archive) != ARCHIVE_OK) {
                r = writer->failure ? writer->failure : -EIO;
        }
        return r < 0 ? error_set(error, r, "cannot write the archive") : 0;
}

static int run(struct writer *writer, int fd, int skip_fd, struct machine_error *error)
{
        _cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = libarchive_load(error);

        if (r < 0) {
                return r;
        }
        r = read_skipped(writer, skip_fd);
        writer->archive = archive_write_new();
        writer->buffer = malloc(READ_SIZE);
        r = r < 0 ? error_set(error, r, "cannot read about the layer")
                  : write_all(writer, fd, error);
        /* Reading attributes changes the working directory. */
        (void)!fchdir(here);
        if (writer->archive) {
                archive_write_free(writer->archive);
        }
        free(writer->buffer);
        tdestroy(writer->links, free);
        tdestroy(writer->skipped, free);
        return r;
}

int tar_write_tree(int tree_fd, int skip_fd, tar_output output, void *data,
                   struct machine_error *error)
{
        struct writer writer = { .output = output, .data = data };

        return run(&writer, tree_fd, skip_fd, error);
}

int tar_write_files(int directory_fd, tar_output output, void *data, struct machine_error *error)
{
        struct writer writer = { .output = output, .data = data, .plain = true };

        return run(&writer, directory_fd, -EBADF, error);
}

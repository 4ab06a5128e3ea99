/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/entries.h"
#include "image/members.h"
#include "image/tar_reader.h"
#include "image/tree.h"

#define READ_SIZE (64U << 10)

struct reader {
        int fd;
        uint8_t *data;
        uint64_t position;
};

static ssize_t read_file(struct archive *archive, void *data, const void **block)
{
        struct reader *reader = data;
        ssize_t n;

        do {
                n = pread(reader->fd, reader->data, READ_SIZE, (off_t)reader->position);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
                archive_set_error(archive, errno, "the file cannot be read");
                return ARCHIVE_FATAL;
        }
        reader->position += (uint64_t)n;
        *block = reader->data;
        return n;
}

static int64_t skip_file(struct archive *archive, void *data, int64_t length)
{
        struct reader *reader = data;

        reader->position += (uint64_t)length;
        return length;
}

static int write_member(FILE *file, struct archive *archive, struct archive_entry *entry)
{
        char path[PATH_MAX], target[PATH_MAX] = "";
        _cleanup_free_ char *joined = NULL;
        const char *name = archive_entry_pathname(entry);
        const char *link = archive_entry_hardlink(entry);
        bool symbolic = !link && archive_entry_filetype(entry) == AE_IFLNK;
        const char *slash;

        if (symbolic) {
                link = archive_entry_symlink(entry);
        }
        if (!name || tree_clean_path(name, path) < 0) {
                return 0;
        }
        if (!link && archive_entry_filetype(entry) != AE_IFREG) {
                return 0;
        }
        slash = strrchr(path, '/');
        joined = !link               ? strdup("")
                 : symbolic && slash ? string_format("%.*s/%s", (int)(slash - path), path, link)
                                     : strdup(link);
        if (!joined) {
                return -ENOMEM;
        }
        if (tree_clean_path(joined, target) < 0) {
                return 0;
        }
        /* What libarchive has consumed so far are the headers: the content comes next. */
        if (fprintf(file, "%" PRId64 " %" PRId64 " /", archive_filter_bytes(archive, 0),
                    (int64_t)archive_entry_size(entry)) < 0 ||
            entry_write_escaped(file, path) < 0 || fprintf(file, " %s", link ? "/" : "") < 0 ||
            entry_write_escaped(file, target) < 0 || putc('\n', file) == EOF) {
                return -EIO;
        }
        return 0;
}

static int list(struct archive *archive, FILE *file, struct machine_error *error)
{
        for (size_t count = 0; count <= MEMBERS_MAX; count++) {
                struct archive_entry *entry;
                int r = archive_next(archive, &entry, error);

                if (r <= 0) {
                        return r;
                }
                r = write_member(file, archive, entry);
                if (r < 0) {
                        return error_set(error, r, "cannot list the archive");
                }
        }
        return 0;
}

DEFINE_CLEANUP(struct archive *, archive_read_free, cleanup_archive)

int members_list(int input_fd, int output_fd, struct machine_error *error)
{
        _cleanup_free_ uint8_t *data = malloc(READ_SIZE);
        _cleanup_(cleanup_archive) struct archive *archive = archive_tar_reader();
        struct reader reader = { .fd = input_fd, .data = data };
        _cleanup_fclose_ FILE *file = NULL;
        int own = fcntl(output_fd, F_DUPFD_CLOEXEC, 3);
        int r;

        file = own < 0 ? NULL : fdopen(own, "w");
        if (!data || !archive || !file) {
                return error_oom(error);
        }
        if (archive_read_open2(archive, &reader, NULL, read_file, skip_file, NULL) != ARCHIVE_OK) {
                return archive_failed(archive, error);
        }
        r = list(archive, file, error);
        return r == 0 && fflush(file) != 0 ? error_set(error, errno, "cannot list the archive") : r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/members.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/entries.h"
#include "image/tar_reader.h"
#include "image/tree.h"

#define READ_SIZE       (64U << 10)
#define LINE_MAX_LENGTH (3 * 2 * PATH_MAX + 64)

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

void members_clear(struct members *members)
{
        for (size_t i = 0; i < members->count; i++) {
                free(members->items[i].path);
                free(members->items[i].target);
        }
        free(members->items);
        *members = (struct members){ 0 };
}

static int read_line(char *line, struct member *ret)
{
        struct member member = { 0 };
        int end = 0;
        char *path, *target;

        if (sscanf(line, "%" SCNu64 " %" SCNu64 " /%n", &member.offset, &member.size, &end) != 2 ||
            end == 0) {
                return -EINVAL;
        }
        path = line + end;
        target = strchr(path, ' ');
        if (!target) {
                return -EINVAL;
        }
        *target++ = '\0';
        if (entry_unescape(path) < 0 || entry_unescape(target) < 0) {
                return -EINVAL;
        }
        member.path = strdup(path);
        member.target = *target == '/' ? strdup(target + 1) : NULL;
        if (!member.path || (*target == '/' && !member.target)) {
                free(member.path);
                return -ENOMEM;
        }
        *ret = member;
        return 0;
}

int members_read(int fd, struct members *ret, struct machine_error *error)
{
        _cleanup_members_ struct members members = { .complete = true };
        _cleanup_free_ char *line = malloc(LINE_MAX_LENGTH);
        _cleanup_fclose_ FILE *file = NULL;
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

        file = own < 0 || lseek(own, 0, SEEK_SET) < 0 ? NULL : fdopen(own, "r");
        members.items = calloc(MEMBERS_MAX, sizeof *members.items);
        if (!line || !file || !members.items) {
                return error_oom(error);
        }
        while (fgets(line, LINE_MAX_LENGTH, file)) {
                int r;

                if (members.count == MEMBERS_MAX) {
                        members.complete = false;
                        break;
                }
                line[strcspn(line, "\n")] = '\0';
                r = read_line(line, &members.items[members.count]);
                if (r < 0) {
                        return error_set(error, r, "cannot read the archive's list");
                }
                members.count++;
        }
        *ret = members;
        members = (struct members){ 0 };
        return 0;
}

const struct member *members_find(const struct members *members, const char *path)
{
        for (int hops = 0; hops < 10; hops++) {
                const struct member *found = NULL;

                /* The last of equals is what unpacking would leave. */
                for (size_t i = 0; i < members->count; i++) {
                        if (strcmp(members->items[i].path, path) == 0) {
                                found = &members->items[i];
                        }
                }
                if (!found || !found->target) {
                        return found;
                }
                path = found->target;
        }
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/common/entries.h"
#include "image/tar/tar_reader.h"
#include "image/unpack/members.h"
#include "image/unpack/tree.h"

#define READ_SIZE (64U << 10)

struct reader {
        int fd;
        uint8_t *data;
        uint64_t position;
};

static int read_file(void *data, const uint8_t **ret, size_t *ret_length)
{
        struct reader *reader = data;
        ssize_t n;

        do {
                n = pread(reader->fd, reader->data, READ_SIZE, (off_t)reader->position);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
                return -errno;
        }
        reader->position += (uint64_t)n;
        *ret = reader->data;
        *ret_length = (size_t)n;
        return 0;
}

static void skip_file(void *data, uint64_t length)
{
        struct reader *reader = data;

        reader->position += length;
}

/* The target of a link, from the archive's root; "" for a file. NULL if out of memory. */
static char *target_of(const struct tar_entry *entry, const char *path)
{
        const char *slash = strrchr(path, '/');

        return entry->type == TAR_LINK && slash
                       ? string_format("%.*s/%s", (int)(slash - path), path, entry->target)
                       : strdup(entry->target);
}

static int write_member(FILE *file, const struct tar_entry *entry)
{
        bool link = entry->type == TAR_LINK || entry->type == TAR_HARD_LINK;
        char path[PATH_MAX], target[PATH_MAX] = "";
        _cleanup_free_ char *joined = NULL;

        /* Content in several pieces cannot be read in place. */
        if ((!link && entry->type != TAR_FILE) || entry->sparse ||
            tree_clean_path(entry->path, path) < 0) {
                return 0;
        }
        joined = target_of(entry, path);
        if (!joined) {
                return -ENOMEM;
        }
        if (tree_clean_path(joined, target) < 0) {
                return 0;
        }
        if (fprintf(file, "%" PRIu64 " %" PRIu64 " /", entry->content_offset, entry->size) < 0 ||
            entry_write_escaped(file, path) < 0 || fprintf(file, " %s", link ? "/" : "") < 0 ||
            entry_write_escaped(file, target) < 0 || putc('\n', file) == EOF) {
                return -EIO;
        }
        return 0;
}

static int list(struct tar_reader *reader, FILE *file, struct machine_error *error)
{
        for (size_t count = 0; count <= MEMBERS_MAX; count++) {
                const struct tar_entry *entry;
                int r = tar_reader_next(reader, &entry, error);

                if (r <= 0) {
                        return r;
                }
                r = write_member(file, entry);
                if (r < 0) {
                        return error_set(error, r, "cannot list the archive");
                }
        }
        return 0;
}

int members_list(int input_fd, int output_fd, struct machine_error *error)
{
        _cleanup_free_ uint8_t *data = malloc(READ_SIZE);
        struct reader source = { .fd = input_fd, .data = data };
        const struct tar_input input = { read_file, skip_file, &source };
        _cleanup_tar_reader_ struct tar_reader *reader = tar_reader_new(&input);
        _cleanup_fclose_ FILE *file = NULL;
        int own = fcntl(output_fd, F_DUPFD_CLOEXEC, 3);
        int r;

        file = own < 0 ? NULL : fdopen(own, "w");
        if (!data || !reader || !file) {
                return error_oom(error);
        }
        r = list(reader, file, error);
        return r == 0 && fflush(file) != 0 ? error_set(error, errno, "cannot list the archive") : r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/cache.h"
#include "base/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strings.h"

#define MAGIC       "mlbpf01"
#define SUFFIX      ".bpf"
#define KEY_MAXIMUM ((size_t)4 << 20)
/* Entries of edited profiles accumulate: beyond this number the oldest are removed. */
#define ENTRIES_MAXIMUM 64

struct entry_header {
        char magic[8];
        uint64_t checksum; /* of everything after the header */
        uint32_t key_length;
        uint32_t program_length; /* in instructions */
        uint32_t flags;          /* struct seccomp_program's */
        uint32_t reserved;
};

/* "seccomp-HASH.bpf" */
#define NAME_LENGTH 32

static void entry_name(const char *key, size_t key_length, char name[static NAME_LENGTH])
{
        snprintf(name, NAME_LENGTH, "seccomp-%016" PRIx64 SUFFIX, string_hash(key, key_length));
}

/* Write access to the directory would mean control over the filters of machines. */
static bool is_trusted(int fd)
{
        struct stat status;

        return fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
               (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int open_directory(const char *directory)
{
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0) {
                return -errno;
        }
        return is_trusted(fd) ? TAKE_FD(fd) : -EPERM;
}

static int open_entry(int directory_fd, const char *name)
{
        _cleanup_close_ int fd =
                openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat status;

        if (fd < 0) {
                return -errno;
        }
        if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || !is_trusted(fd)) {
                return -EPERM;
        }
        return TAKE_FD(fd);
}

/* Whether the data is an intact entry with exactly this key. */
static bool matches(const char *data, size_t length, const char *key, size_t key_length,
                    struct entry_header *ret_header)
{
        struct entry_header header;
        size_t rest = length - sizeof header;

        if (length < sizeof header) {
                return false;
        }
        memcpy(&header, data, sizeof header);
        if (memcmp(header.magic, MAGIC, sizeof header.magic) != 0 ||
            header.key_length != key_length || header.program_length == 0 ||
            header.program_length > BPF_MAXINSNS ||
            rest != key_length + header.program_length * sizeof(struct sock_filter) ||
            header.checksum != string_hash(data + sizeof header, rest) ||
            memcmp(data + sizeof header, key, key_length) != 0) {
                return false;
        }
        *ret_header = header;
        return true;
}

int seccomp_cache_read(const char *directory, const char *key, size_t key_length,
                       struct seccomp_program *ret)
{
        _cleanup_close_ int directory_fd = open_directory(directory), fd = -EBADF;
        _cleanup_free_ char *data = NULL;
        struct sock_filter *instructions;
        struct entry_header header;
        char name[NAME_LENGTH];
        size_t length, size;

        if (directory_fd < 0) {
                return -ENOENT;
        }
        entry_name(key, key_length, name);
        fd = open_entry(directory_fd, name);
        if (fd < 0 ||
            file_read_fd(fd, KEY_MAXIMUM + BPF_MAXINSNS * sizeof *instructions, &data, &length) <
                    0 ||
            !matches(data, length, key, key_length, &header)) {
                return -ENOENT;
        }
        size = header.program_length * sizeof *instructions;
        instructions = malloc(size);
        if (!instructions) {
                return -ENOENT;
        }
        memcpy(instructions, data + length - size, size);
        ret->instructions = instructions;
        ret->length = header.program_length;
        ret->flags = header.flags;
        return 0;
}

static bool is_entry(const char *name)
{
        return string_after(name, "seccomp-") && string_ends_with(name, SUFFIX);
}

/* Counts the entries and finds the oldest. */
static size_t survey(DIR *entries, char oldest[static NAME_MAX + 1])
{
        struct timespec oldest_time = { 0 };
        const struct dirent *entry;
        size_t count = 0;

        rewinddir(entries);
        while ((entry = directory_next(entries))) {
                struct stat status;

                if (!is_entry(entry->d_name) ||
                    fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                        continue;
                }
                if (count++ == 0 || status.st_mtim.tv_sec < oldest_time.tv_sec ||
                    (status.st_mtim.tv_sec == oldest_time.tv_sec &&
                     status.st_mtim.tv_nsec < oldest_time.tv_nsec)) {
                        oldest_time = status.st_mtim;
                        strcpy(oldest, entry->d_name);
                }
        }
        return count;
}

static void forget_oldest(int directory_fd)
{
        _cleanup_closedir_ DIR *entries = NULL;
        char oldest[NAME_MAX + 1];

        if (directory_open(directory_fd, &entries) < 0) {
                return;
        }
        while (survey(entries, oldest) > ENTRIES_MAXIMUM) {
                if (unlinkat(directory_fd, oldest, 0) < 0) {
                        return;
                }
        }
}

/* Does not sync: the checksum detects an entry torn by a power failure, which is then rewritten; a
 * sync would take longer than compiling the filter. */
static int write_entry(int directory_fd, const char *name, const void *data, size_t length)
{
        static const char temporary[] = "new";
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (unlinkat(directory_fd, temporary, 0) < 0 && errno != ENOENT) {
                return -errno;
        }
        fd = openat(directory_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                    0600);
        if (fd < 0) {
                return -errno;
        }
        r = file_write_all(fd, data, length);
        if (r == 0 && renameat(directory_fd, temporary, directory_fd, name) < 0) {
                r = -errno;
        }
        if (r < 0) {
                (void)unlinkat(directory_fd, temporary, 0);
        }
        return r;
}

int seccomp_cache_write(const char *directory, const char *key, size_t key_length,
                        const struct seccomp_program *program)
{
        size_t size = program->length * sizeof *program->instructions;
        size_t rest = key_length + size;
        _cleanup_close_ int directory_fd = -EBADF, lock = -EBADF;
        _cleanup_free_ char *data = malloc(sizeof(struct entry_header) + rest);
        struct entry_header header = {
                .magic = MAGIC,
                .key_length = (uint32_t)key_length,
                .program_length = (uint32_t)program->length,
                .flags = program->flags,
        };
        char name[NAME_LENGTH];
        int r;

        if (!data) {
                return -ENOMEM;
        }
        if (key_length > KEY_MAXIMUM) {
                return -E2BIG;
        }
        memcpy(data + sizeof header, key, key_length);
        memcpy(data + sizeof header + key_length, program->instructions, size);
        header.checksum = string_hash(data + sizeof header, rest);
        memcpy(data, &header, sizeof header);

        r = directory_make(directory, 0700);
        if (r < 0) {
                return r;
        }
        directory_fd = open_directory(directory);
        if (directory_fd < 0) {
                return directory_fd;
        }
        lock = file_lock(directory_fd, "lock", LOCK_EX);
        if (lock < 0) {
                return lock;
        }
        entry_name(key, key_length, name);
        r = write_entry(directory_fd, name, data, sizeof header + rest);
        forget_oldest(directory_fd);
        return r;
}

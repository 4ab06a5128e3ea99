/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/common/entries.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/strings.h"
#include "image/common/checksum.h"
#include "image/common/opaque.h"

#define READ_SIZE (64U << 10)

int entry_write_escaped(FILE *file, const char *text)
{
        for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
                if (*c <= ' ' || *c >= 0x7f || *c == '%') {
                        if (fprintf(file, "%%%02X", *c) < 0) {
                                return -errno;
                        }
                } else if (putc_unlocked(*c, file) == EOF) {
                        return -errno;
                }
        }
        return 0;
}

int entry_write(FILE *file, const struct layer_entry *entry)
{
        int r;

        if (fprintf(file, "%c %o %u %u %" PRIu64 " %" PRId64 ".%09ld %u:%u %08x %08x /",
                    entry->type, entry->mode, entry->uid, entry->gid, entry->size,
                    (int64_t)entry->mtime.tv_sec, entry->mtime.tv_nsec, major(entry->device),
                    minor(entry->device), entry->content, entry->attributes) < 0) {
                return -errno;
        }
        r = entry_write_escaped(file, entry->path);
        if (r == 0 && entry->target) {
                r = putc_unlocked(' ', file) == EOF ? -errno
                                                    : entry_write_escaped(file, entry->target);
        }
        return r == 0 && putc_unlocked('\n', file) == EOF ? -errno : r;
}

int entry_unescape(char *text)
{
        char *out = text;

        for (const char *c = text; *c; c++) {
                unsigned int value;

                if (*c != '%') {
                        *out++ = *c;
                        continue;
                }
                if (sscanf(c + 1, "%2x", &value) != 1 || value == 0 || !c[2]) {
                        return -EINVAL;
                }
                *out++ = (char)value;
                c += 2;
        }
        *out = '\0';
        return 0;
}

int entry_parse(char *line, struct layer_entry *ret)
{
        struct layer_entry entry = { 0 };
        unsigned int major_number, minor_number;
        int64_t seconds;
        int end = 0;
        char *path, *target;

        if (sscanf(line, "%c %o %u %u %" SCNu64 " %" SCNd64 ".%ld %u:%u %x %x /%n", &entry.type,
                   &entry.mode, &entry.uid, &entry.gid, &entry.size, &seconds, &entry.mtime.tv_nsec,
                   &major_number, &minor_number, &entry.content, &entry.attributes, &end) != 11 ||
            end == 0) {
                return -EINVAL;
        }
        entry.mtime.tv_sec = (time_t)seconds;
        entry.device = makedev(major_number, minor_number);
        path = line + end;
        target = strchr(path, ' ');
        if (target) {
                *target++ = '\0';
        }
        if (entry_unescape(path) < 0 || (target && entry_unescape(target) < 0)) {
                return -EINVAL;
        }
        entry.path = path;
        entry.target = target;
        *ret = entry;
        return 0;
}

struct timespec entry_time(int64_t seconds, long nanoseconds)
{
        /* ext4 with 256-byte inodes: 1901 to 2446. */
        const int64_t first = -INT64_C(0x80000000), last = INT64_C(0x37fffffff);

        if (seconds < first || seconds > last || nanoseconds < 0 || nanoseconds > 999999999) {
                nanoseconds = 0;
        }
        seconds = seconds < first ? first : seconds > last ? last : seconds;
        return (struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = nanoseconds };
}

bool entry_attribute_counts(const char *name)
{
        if (string_after(name, "trusted.overlay.") || string_after(name, "user.overlay.")) {
                return false;
        }
        return !string_after(name, "security.") || strcmp(name, "security.capability") == 0;
}

static int compare_attributes(const void *a, const void *b)
{
        return strcmp(((const struct entry_attribute *)a)->name,
                      ((const struct entry_attribute *)b)->name);
}

uint32_t entry_attributes_checksum(struct entry_attribute *attributes, size_t count)
{
        uint32_t checksum = 0;

        if (count > 1) {
                qsort(attributes, count, sizeof *attributes, compare_attributes);
        }
        for (size_t i = 0; i < count; i++) {
                uint64_t length = attributes[i].length;

                checksum =
                        checksum_add(checksum, attributes[i].name, strlen(attributes[i].name) + 1);
                checksum = checksum_add(checksum, &length, sizeof length);
                checksum = checksum_add(checksum, attributes[i].value, attributes[i].length);
        }
        return checksum;
}

/* The checksum of a regular file's content. Holes count as zeros and are not read. */
static int checksum_file(int fd, uint64_t size, uint32_t *ret)
{
        _cleanup_free_ uint8_t *data = malloc(READ_SIZE);
        uint32_t checksum = 0;
        uint64_t at = 0;

        if (!data) {
                return -ENOMEM;
        }
        while (at < size) {
                off_t start = lseek(fd, (off_t)at, SEEK_DATA);
                ssize_t n;

                if (start < 0 && errno != ENXIO) {
                        return -errno;
                }
                if (start < 0 || (uint64_t)start > size) {
                        start = (off_t)size;
                }
                if ((uint64_t)start > at) {
                        checksum = checksum_add_zeros(checksum, (uint64_t)start - at);
                        at = (uint64_t)start;
                        continue;
                }
                n = pread(fd, data, size - at < READ_SIZE ? (size_t)(size - at) : READ_SIZE,
                          (off_t)at);
                if (n <= 0) {
                        return n < 0 ? -errno : -EIO;
                }
                checksum = checksum_add(checksum, data, (size_t)n);
                at += (uint64_t)n;
        }
        *ret = checksum;
        return 0;
}

static void free_attributes(struct entry_attribute *attributes, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                free(attributes[i].value);
        }
        free(attributes);
}

/* Reads the extended attributes of a path relative to the working directory, without following a
 * link. */
static int describe_attributes(const char *name, uint32_t *ret)
{
        _cleanup_free_ char *names = NULL;
        struct entry_attribute *attributes = NULL;
        ssize_t size = llistxattr(name, NULL, 0);
        size_t count = 0;
        int r = 0;

        *ret = 0;
        if (size <= 0) {
                return size == 0 || errno == EOPNOTSUPP ? 0 : -errno;
        }
        names = malloc((size_t)size);
        attributes = calloc((size_t)size, sizeof *attributes);
        if (!names || !attributes) {
                free(attributes);
                return -ENOMEM;
        }
        size = llistxattr(name, names, (size_t)size);
        for (char *at = names; size > 0 && at < names + size; at += strlen(at) + 1) {
                ssize_t length;

                if (!entry_attribute_counts(at)) {
                        continue;
                }
                attributes[count].name = at;
                attributes[count].value = malloc(XATTR_SIZE_MAX);
                length = attributes[count].value
                                 ? lgetxattr(name, at, attributes[count].value, XATTR_SIZE_MAX)
                                 : -1;
                if (length < 0) {
                        r = -errno;
                        count++;
                        break;
                }
                attributes[count++].length = (size_t)length;
        }
        if (r == 0) {
                *ret = entry_attributes_checksum(attributes, count);
        }
        free_attributes(attributes, count);
        return size < 0 ? -errno : r;
}

static char type_of(const struct stat *status)
{
        if (S_ISCHR(status->st_mode)) {
                return status->st_rdev == 0 ? 'w' : 'c';
        }
        return S_ISDIR(status->st_mode)    ? 'd'
               : S_ISLNK(status->st_mode)  ? 'l'
               : S_ISBLK(status->st_mode)  ? 'b'
               : S_ISFIFO(status->st_mode) ? 'p'
               : S_ISREG(status->st_mode)  ? 'f'
                                           : '?';
}

static int describe_content(int directory_fd, const char *name, struct layer_entry *entry,
                            char target[static 4096])
{
        if (entry->type == 'f') {
                _cleanup_close_ int fd =
                        openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

                return fd < 0 ? -errno : checksum_file(fd, entry->size, &entry->content);
        }
        if (entry->type == 'l') {
                ssize_t n = readlinkat(directory_fd, name, target, 4095);

                if (n < 0) {
                        return -errno;
                }
                target[n] = '\0';
                entry->target = target;
        }
        return 0;
}

int entry_describe(int directory_fd, const char *name, bool content, struct layer_entry *ret,
                   char target[static 4096])
{
        struct layer_entry entry = { .path = "" };
        struct stat status;
        int r;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) {
                return -errno;
        }
        entry.type = type_of(&status);
        if (entry.type != 'w') {
                entry.mode = entry.type == 'l' ? 0777 : status.st_mode & 07777;
                entry.uid = status.st_uid;
                entry.gid = status.st_gid;
                entry.mtime = status.st_mtim;
        }
        if (entry.type == 'c' || entry.type == 'b') {
                entry.device = status.st_rdev;
        }
        if (entry.type == 'f') {
                entry.size = (uint64_t)status.st_size;
        }
        /* Before Linux 6.13 no system call reads the attributes of a link or device relative to a
         * descriptor, so the working directory is used. */
        if (fchdir(directory_fd) < 0) {
                return -errno;
        }
        if (entry.type == 'd' && opaque_is_set_at(name)) {
                entry.type = 'D';
        }
        r = entry.type == 'w' ? 0 : describe_attributes(*name ? name : ".", &entry.attributes);
        if (r == 0 && content) {
                r = describe_content(directory_fd, name, &entry, target);
        }
        if (r == 0) {
                *ret = entry;
        }
        return r;
}

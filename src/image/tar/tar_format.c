/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/tar/tar_format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define BLOCK 512

/* The maximum of an octal field of 7 or 11 digits. */
#define NARROW_MAX ((UINT64_C(1) << 21) - 1)
#define WIDE_MAX   ((UINT64_C(1) << 33) - 1)

/** A header as in POSIX.1-1988 (ustar). */
struct header {
        char name[100];
        char mode[8];
        char uid[8];
        char gid[8];
        char size[12];
        char mtime[12];
        char checksum[8];
        char type;
        char link[100];
        char magic[6];
        char version[2];
        char user[32];
        char group[32];
        char device_major[8];
        char device_minor[8];
        char prefix[155];
        char unused[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

/* ---- Extended headers ---- */

struct records {
        FILE *file;
        char *text;
        size_t length;
};

/* "LENGTH KEY=VALUE
 * ", whose length includes its own digits. */
static void add_record(struct records *records, const char *prefix, const char *key,
                       const void *value, size_t length)
{
        size_t rest = strlen(prefix) + strlen(key) + length + 3, total = rest + 1;
        char digits[24];

        while (total != rest + (size_t)snprintf(digits, sizeof digits, "%zu", total)) {
                total++;
        }
        (void)fprintf(records->file, "%zu %s%s=", total, prefix, key);
        (void)fwrite(value, 1, length, records->file);
        (void)putc('\n', records->file);
}

static void add_text(struct records *records, const char *key, const char *value)
{
        add_record(records, "", key, value, strlen(value));
}

static void add_number(struct records *records, const char *key, uint64_t value, uint64_t maximum)
{
        char text[24];

        if (value > maximum) {
                (void)snprintf(text, sizeof text, "%" PRIu64, value);
                add_text(records, key, text);
        }
}

static void add_time(struct records *records, const struct timespec *time)
{
        int64_t seconds = time->tv_sec;
        long nsec = time->tv_nsec;
        bool negative = seconds < 0;
        char text[40];

        if (nsec == 0 && !negative && (uint64_t)seconds <= WIDE_MAX) {
                return;
        }
        if (negative && nsec > 0) {
                seconds++;
                nsec = 1000000000 - nsec;
        }
        (void)snprintf(text, sizeof text, "%s%" PRId64 ".%09ld", negative ? "-" : "",
                       negative ? -seconds : seconds, nsec);
        add_text(records, "mtime", text);
}

static int make_records(const struct tar_member *member, struct records *records)
{
        records->file = open_memstream(&records->text, &records->length);
        if (!records->file) {
                return -ENOMEM;
        }
        if (strlen(member->path) > sizeof(((struct header *)0)->name)) {
                add_text(records, "path", member->path);
        }
        if (member->target && strlen(member->target) > sizeof(((struct header *)0)->link)) {
                add_text(records, "linkpath", member->target);
        }
        add_number(records, "uid", member->uid, NARROW_MAX);
        add_number(records, "gid", member->gid, NARROW_MAX);
        add_number(records, "size", member->size, WIDE_MAX);
        add_time(records, &member->mtime);
        for (size_t i = 0; i < member->attribute_count; i++) {
                const struct entry_attribute *attribute = &member->attributes[i];

                add_record(records, "SCHILY.xattr.", attribute->name, attribute->value,
                           attribute->length);
        }
        return fclose(records->file) == 0 ? 0 : -ENOMEM;
}

/* ---- Headers ---- */

/* Values that do not fit are in the extended header. */
static void put_number(char *field, size_t length, uint64_t value, uint64_t maximum)
{
        char text[24];

        (void)snprintf(text, sizeof text, "%0*" PRIo64, (int)length - 1,
                       value > maximum ? 0 : value);
        memcpy(field, text, length);
}

static void put_text(char *field, size_t length, const char *text)
{
        memcpy(field, text, strnlen(text, length));
}

static void put_checksum(struct header *header)
{
        const unsigned char *bytes = (const unsigned char *)header;
        unsigned int sum = 0;
        char text[8];

        memset(header->checksum, ' ', sizeof header->checksum);
        for (size_t i = 0; i < sizeof *header; i++) {
                sum += bytes[i];
        }
        (void)snprintf(text, sizeof text, "%06o", sum & 0777777);
        memcpy(header->checksum, text, 7);
}

static void begin_header(struct header *header, char type, const char *path, mode_t mode,
                         uint64_t size)
{
        *header = (struct header){ .type = type, .magic = "ustar", .version = { '0', '0' } };
        put_text(header->name, sizeof header->name, path);
        put_number(header->mode, sizeof header->mode, mode & 07777, NARROW_MAX);
        put_number(header->size, sizeof header->size, size, WIDE_MAX);
        put_number(header->uid, sizeof header->uid, 0, NARROW_MAX);
        put_number(header->gid, sizeof header->gid, 0, NARROW_MAX);
        put_number(header->mtime, sizeof header->mtime, 0, WIDE_MAX);
        put_number(header->device_major, sizeof header->device_major, 0, NARROW_MAX);
        put_number(header->device_minor, sizeof header->device_minor, 0, NARROW_MAX);
}

static char type_of(const struct tar_member *member)
{
        return member->hard_link        ? '1'
               : S_ISLNK(member->mode)  ? '2'
               : S_ISCHR(member->mode)  ? '3'
               : S_ISBLK(member->mode)  ? '4'
               : S_ISDIR(member->mode)  ? '5'
               : S_ISFIFO(member->mode) ? '6'
                                        : '0';
}

/* Readers that do not know extended headers create a file of this name. */
static int write_records(const char *path, const struct records *records, tar_output output,
                         void *data)
{
        struct header header;
        char name[sizeof header.name + 1];
        size_t length = strlen(path);
        const char *slash;
        int r;

        while (length > 1 && path[length - 1] == '/') {
                length--;
        }
        slash = memrchr(path, '/', length);
        if (slash) {
                length -= (size_t)(slash + 1 - path);
                path = slash + 1;
        }
        (void)snprintf(name, sizeof name, "PaxHeaders.0/%.*s", (int)length, path);
        begin_header(&header, 'x', name, 0644, records->length);
        put_checksum(&header);
        r = output(data, &header, sizeof header);
        if (r == 0) {
                r = output(data, records->text, records->length);
        }
        return r == 0 ? tar_format_padding(records->length, output, data) : r;
}

static int write_header(const struct tar_member *member, tar_output output, void *data)
{
        struct header header;

        begin_header(&header, type_of(member), member->path, member->mode, member->size);
        put_text(header.link, sizeof header.link, member->target ? member->target : "");
        put_number(header.uid, sizeof header.uid, member->uid, NARROW_MAX);
        put_number(header.gid, sizeof header.gid, member->gid, NARROW_MAX);
        put_number(header.mtime, sizeof header.mtime,
                   member->mtime.tv_sec < 0 ? 0 : (uint64_t)member->mtime.tv_sec, WIDE_MAX);
        if (header.type == '3' || header.type == '4') {
                put_number(header.device_major, sizeof header.device_major, major(member->device),
                           NARROW_MAX);
                put_number(header.device_minor, sizeof header.device_minor, minor(member->device),
                           NARROW_MAX);
        }
        put_checksum(&header);
        return output(data, &header, sizeof header);
}

int tar_format_member(const struct tar_member *member, tar_output output, void *data)
{
        struct records records = { NULL, NULL, 0 };
        int r = make_records(member, &records);

        if (r == 0 && records.length > 0) {
                r = write_records(member->path, &records, output, data);
        }
        if (r == 0) {
                r = write_header(member, output, data);
        }
        free(records.text);
        return r;
}

int tar_format_padding(uint64_t length, tar_output output, void *data)
{
        static const char zeros[BLOCK];
        size_t beyond = (size_t)(length % BLOCK);

        return beyond ? output(data, zeros, BLOCK - beyond) : 0;
}

int tar_format_end(tar_output output, void *data)
{
        static const char zeros[2 * BLOCK];

        return output(data, zeros, sizeof zeros);
}

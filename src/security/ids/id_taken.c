/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/ids/id_taken.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"

#define FILE_MAXIMUM ((size_t)16 << 20)

/* systemd-nspawn keeps one file per range in use, named after its first id. */
#define NSPAWN_DIRECTORY "/run/systemd/nspawn-uid"

/* The fields, separated by colons, of a line's first id and of its number of ids (0: one id). */
static const struct taken_file {
        const char *name;
        unsigned int first_field;
        unsigned int count_field;
} files[] = {
        { "subuid", 1, 2 },
        { "subgid", 1, 2 },
        { "passwd", 2, 0 },
        { "group", 2, 0 },
};

_Static_assert(ELEMENTS_OF(files) == ELEMENTS_OF(((struct id_taken *)0)->texts),
               "one text per file");

/* A conflicting entry. */
struct taken_entry {
        const struct taken_file *file;
        struct id_range range;
        const char *owner; /* not terminated */
        size_t owner_length;
};

int id_taken_read(const char *directory, struct id_taken *ret, struct machine_error *error)
{
        _cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_id_taken_ struct id_taken taken = { 0 };

        if (fd < 0) {
                return error_set(error, errno, "opening %s failed", directory);
        }
        for (size_t i = 0; i < ELEMENTS_OF(files); i++) {
                int r = file_read(fd, files[i].name, FILE_MAXIMUM, &taken.texts[i], NULL);

                if (r < 0 && r != -ENOENT) {
                        return error_set(error, r, "reading %s/%s failed", directory,
                                         files[i].name);
                }
        }
        *ret = taken;
        taken = (struct id_taken){ 0 };
        return 0;
}

void id_taken_clear(struct id_taken *taken)
{
        for (size_t i = 0; i < ELEMENTS_OF(taken->texts); i++) {
                free(taken->texts[i]);
                taken->texts[i] = NULL;
        }
}

/* Parses the number in the field of a line that ends at `end`. Returns false if there is none. */
static bool field_number(const char *line, const char *end, unsigned int field, uint64_t *ret)
{
        uint64_t number = 0;
        const char *at = line, *digits;

        while (field-- > 0) {
                at = memchr(at, ':', (size_t)(end - at));
                if (!at) {
                        return false;
                }
                at++;
        }
        for (digits = at; at < end && *at >= '0' && *at <= '9'; at++) {
                if (number <= UINT32_MAX) {
                        number = number * 10 + (uint64_t)(*at - '0');
                }
        }
        *ret = number;
        return at > digits && (at == end || *at == ':' || *at == '\r' || *at == ' ');
}

static bool line_overlaps(const struct taken_file *file, const char *line, const char *end,
                          const struct id_range *range, struct id_range *ret)
{
        uint64_t first, count = 1, range_end = (uint64_t)range->base + range->count;

        if (!field_number(line, end, file->first_field, &first) ||
            (file->count_field && !field_number(line, end, file->count_field, &count)) ||
            first >= range_end || first + count <= range->base || count == 0) {
                return false;
        }
        if (count > UINT32_MAX - first) {
                count = UINT32_MAX - first;
        }
        *ret = (struct id_range){ (uint32_t)first, (uint32_t)count };
        return true;
}

static bool belongs_to_root(const struct taken_entry *entry)
{
        return entry->file->count_field &&
               ((entry->owner_length == 4 && memcmp(entry->owner, "root", 4) == 0) ||
                (entry->owner_length == 1 && *entry->owner == '0'));
}

static bool find_in_file(const struct taken_file *file, const char *text,
                         const struct id_range *range, bool without_root, struct taken_entry *ret)
{
        const char *end;

        for (const char *line = text; line && *line; line = *end ? end + 1 : NULL) {
                struct taken_entry entry = { .file = file, .owner = line };
                const char *colon;

                end = strchrnul(line, '\n');
                if (!line_overlaps(file, line, end, range, &entry.range)) {
                        continue;
                }
                colon = memchr(line, ':', (size_t)(end - line));
                entry.owner_length = (size_t)(colon - line);
                if (!without_root || !belongs_to_root(&entry)) {
                        *ret = entry;
                        return true;
                }
        }
        return false;
}

static bool find_entry(const struct id_taken *taken, const struct id_range *range,
                       bool without_root, struct taken_entry *ret)
{
        for (size_t i = 0; i < ELEMENTS_OF(files); i++) {
                if (find_in_file(&files[i], taken->texts[i], range, without_root, ret)) {
                        return true;
                }
        }
        return false;
}

static bool used_by_nspawn(const struct id_range *range)
{
        char path[sizeof NSPAWN_DIRECTORY + 16];

        snprintf(path, sizeof path, NSPAWN_DIRECTORY "/%" PRIu32, range->base);
        return access(path, F_OK) == 0;
}

bool id_taken_find(const struct id_taken *taken, const struct id_range *range,
                   struct id_range *ret_other)
{
        struct taken_entry entry;

        if (find_entry(taken, range, false, &entry)) {
                *ret_other = entry.range;
                return true;
        }
        if (used_by_nspawn(range)) {
                *ret_other = *range;
                return true;
        }
        return false;
}

int id_taken_explain(const struct id_taken *taken, const struct id_range *range,
                     struct machine_error *error)
{
        struct taken_entry entry;

        if (find_entry(taken, range, true, &entry)) {
                error_say(error, EBUSY,
                          "user_namespace: ids %" PRIu32 ":%" PRIu32 " overlap %" PRIu32 ":%" PRIu32
                          " of %.*s in /etc/%s",
                          range->base, range->count, entry.range.base, entry.range.count,
                          (int)entry.owner_length, entry.owner, entry.file->name);
        } else if (used_by_nspawn(range)) {
                error_say(error, EBUSY,
                          "user_namespace: ids %" PRIu32 ":%" PRIu32
                          " are in use by systemd-nspawn (" NSPAWN_DIRECTORY "/%" PRIu32 ")",
                          range->base, range->count, range->base);
        } else {
                return 0;
        }
        error_hint(error, "choose another range, or \"auto\"");
        return -EBUSY;
}

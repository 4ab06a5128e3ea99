/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/tar/tar_reader_internal.h"

/* More attributes than any file system stores: an attack on the comparison of their names. */
#define ATTRIBUTES_MAX 1024

#define ATTRIBUTE            "SCHILY.xattr."
#define ATTRIBUTE_LIBARCHIVE "LIBARCHIVE.xattr."

void tar_extended_clear(struct tar_extended *extended)
{
        free(extended->path);
        free(extended->link);
        free(extended->long_path);
        free(extended->long_link);
        free(extended->sparse_path);
        for (size_t i = 0; i < extended->attribute_count; i++) {
                free(extended->attributes[i].name);
                free(extended->attributes[i].value);
        }
        free(extended->attributes);
        tar_map_clear(&extended->map);
        *extended = (struct tar_extended){ 0 };
}

bool tar_decimal(const char *text, int64_t *ret)
{
        bool negative = *text == '-';
        uint64_t value = 0;

        text += negative;
        if (!*text) {
                return false;
        }
        for (; *text; text++) {
                if (*text < '0' || *text > '9' || value > INT64_MAX / 10 - 1) {
                        return false;
                }
                value = 10 * value + (uint64_t)(*text - '0');
        }
        *ret = negative ? -(int64_t)value : (int64_t)value;
        return true;
}

/* "SECONDS.FRACTION" of any precision. Before 1970 both are negative. */
static bool parse_time(char *text, int64_t *ret, long *ret_nsec)
{
        char *point = strchr(text, '.');
        bool negative = *text == '-';
        int64_t seconds;
        long nsec = 0, unit = 100000000;

        if (point) {
                *point++ = '\0';
        }
        for (; point && *point; point++, unit /= 10) {
                if (*point < '0' || *point > '9') {
                        return false;
                }
                nsec += (*point - '0') * unit;
        }
        if (!tar_decimal(text, &seconds)) {
                return false;
        }
        if (negative && nsec > 0) {
                seconds--;
                nsec = 1000000000 - nsec;
        }
        *ret = seconds;
        *ret_nsec = nsec;
        return true;
}

/* ---- Attributes ---- */

/* Finds the entry of an attribute with this name. star's spelling wins over libarchive's, which
 * bsdtar writes as well. */
static struct entry_attribute *find_attribute(struct tar_extended *extended, const char *name)
{
        for (size_t i = 0; i < extended->attribute_count; i++) {
                if (strcmp(extended->attributes[i].name, name) == 0) {
                        return &extended->attributes[i];
                }
        }
        return NULL;
}

static int set_attribute(struct tar_extended *extended, const char *name, const void *value,
                         size_t length, bool replace)
{
        struct entry_attribute *attribute = find_attribute(extended, name);
        _cleanup_free_ char *copy = NULL;
        void *kept;

        if (attribute && !replace) {
                return 0;
        }
        if (!attribute && extended->attribute_count == ATTRIBUTES_MAX) {
                return -E2BIG;
        }
        kept = malloc(length + 1);
        copy = attribute ? NULL : strdup(name);
        if (!attribute && copy) {
                struct entry_attribute *grown = reallocarray(
                        extended->attributes, extended->attribute_count + 1, sizeof *grown);

                if (grown) {
                        extended->attributes = grown;
                        attribute = &grown[extended->attribute_count++];
                        *attribute = (struct entry_attribute){ .name = TAKE_PTR(copy) };
                }
        }
        if (!attribute || !kept) {
                free(kept);
                return -ENOMEM;
        }
        memcpy(kept, value, length);
        free(attribute->value);
        attribute->value = kept;
        attribute->length = length;
        return 0;
}

static int base64_digit(char c)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *found = c ? strchr(digits, c) : NULL;

        return found ? (int)(found - digits) : -1;
}

/* Decodes in place. Returns the length or -EBADMSG. */
static ssize_t decode_base64(char *text, size_t length)
{
        unsigned int bits = 0, count = 0;
        size_t out = 0;

        for (size_t i = 0; i < length && text[i] != '='; i++) {
                int digit = base64_digit(text[i]);

                if (digit < 0) {
                        return -EBADMSG;
                }
                bits = bits << 6 | (unsigned int)digit;
                count += 6;
                if (count >= 8) {
                        count -= 8;
                        text[out++] = (char)(bits >> count & 0xff);
                }
        }
        return (ssize_t)out;
}

/* libarchive's names are URL-encoded, its values are base64. */
static int add_libarchive_attribute(struct tar_extended *extended, char *name, char *value,
                                    size_t length)
{
        ssize_t decoded = decode_base64(value, length);

        if (decoded < 0 || entry_unescape(name) < 0) {
                return -EBADMSG;
        }
        return set_attribute(extended, name, value, (size_t)decoded, false);
}

/* ---- Records ---- */

static int take_text(char **place, const char *value)
{
        return string_replace(place, *value ? value : NULL);
}

static int take_number(const char *value, bool *ret_has, int64_t *ret)
{
        /* An empty value means that the header's value applies. */
        *ret_has = *value;
        return !*value || tar_decimal(value, ret) ? 0 : -EBADMSG;
}

static int take_mtime(struct tar_extended *extended, char *value)
{
        extended->has_mtime = *value;
        return !*value || parse_time(value, &extended->mtime, &extended->mtime_nsec) ? 0 : -EBADMSG;
}

/* Version 0.0 of GNU's sparse files has one record per number. */
static int take_map_number(struct tar_extended *extended, bool length, const char *value)
{
        int64_t number;

        if (!tar_decimal(value, &number) || number < 0 || extended->has_offset != length) {
                return -EBADMSG;
        }
        extended->has_offset = !length;
        if (!length) {
                extended->offset = (uint64_t)number;
                return 0;
        }
        extended->has_map = true;
        return tar_map_add(&extended->map, extended->offset, (uint64_t)number);
}

static int take_sparse(struct tar_extended *extended, const char *key, const char *value)
{
        bool ignored;

        if (strcmp(key, "offset") == 0 || strcmp(key, "numbytes") == 0) {
                return take_map_number(extended, *key == 'n', value);
        }
        if (strcmp(key, "map") == 0) {
                extended->has_map = true;
                return tar_map_add_list(&extended->map, value);
        }
        if (strcmp(key, "size") == 0 || strcmp(key, "realsize") == 0) {
                return take_number(value, &extended->has_sparse_size, &extended->sparse_size);
        }
        if (strcmp(key, "major") == 0) {
                return take_number(value, &ignored, &extended->sparse_major);
        }
        return strcmp(key, "name") == 0 ? take_text(&extended->sparse_path, value) : 0;
}

static int take_record(struct tar_extended *extended, char *key, char *value, size_t length)
{
        char *rest;

        rest = (char *)string_after(key, ATTRIBUTE);
        if (rest) {
                return set_attribute(extended, rest, value, length, true);
        }
        rest = (char *)string_after(key, ATTRIBUTE_LIBARCHIVE);
        if (rest) {
                return add_libarchive_attribute(extended, rest, value, length);
        }
        /* All other keys have text values. */
        if (strlen(value) != length) {
                return -EBADMSG;
        }
        if (strcmp(key, "path") == 0) {
                return take_text(&extended->path, value);
        }
        if (strcmp(key, "linkpath") == 0) {
                return take_text(&extended->link, value);
        }
        if (strcmp(key, "uid") == 0) {
                return take_number(value, &extended->has_uid, &extended->uid);
        }
        if (strcmp(key, "gid") == 0) {
                return take_number(value, &extended->has_gid, &extended->gid);
        }
        if (strcmp(key, "size") == 0) {
                return take_number(value, &extended->has_size, &extended->size);
        }
        if (strcmp(key, "mtime") == 0) {
                return take_mtime(extended, value);
        }
        rest = (char *)string_after(key, "GNU.sparse.");
        return rest ? take_sparse(extended, rest, value) : 0;
}

/* Cuts "LENGTH KEY=VALUE
 * " off the text. Returns its length or -EBADMSG. */
static ssize_t cut_record(char *text, size_t length, char **ret_key, char **ret_value,
                          size_t *ret_length)
{
        size_t digits = 0, record = 0;
        char *equals;

        while (digits < length && digits < 8 && text[digits] >= '0' && text[digits] <= '9') {
                record = 10 * record + (size_t)(text[digits++] - '0');
        }
        if (digits == 0 || digits == length || text[digits] != ' ' || record > length ||
            record < digits + 3 || text[record - 1] != '\n') {
                return -EBADMSG;
        }
        *ret_key = text + digits + 1;
        equals = memchr(*ret_key, '=', record - digits - 2);
        if (!equals || equals == *ret_key || memchr(*ret_key, '\0', (size_t)(equals - *ret_key))) {
                return -EBADMSG;
        }
        *equals = '\0';
        *ret_value = equals + 1;
        *ret_length = (size_t)(text + record - 1 - *ret_value);
        text[record - 1] = '\0';
        return (ssize_t)record;
}

int tar_extended_add(struct tar_extended *extended, char *text, size_t length,
                     struct machine_error *error)
{
        extended->present = true;
        while (length > 0) {
                char *key, *value;
                size_t value_length;
                ssize_t record = cut_record(text, length, &key, &value, &value_length);
                int r = record < 0 ? -EBADMSG : take_record(extended, key, value, value_length);

                if (r == -ENOMEM) {
                        return error_oom(error);
                }
                if (r < 0) {
                        return tar_damaged(error,
                                           r == -E2BIG ? "an extended header has too many records"
                                                       : "an extended header is malformed");
                }
                text += record;
                length -= (size_t)record;
        }
        return 0;
}

int tar_extended_check_global(char *text, size_t length, struct machine_error *error)
{
        static const char *const ambiguous[] = { "path", "linkpath", "size" };

        while (length > 0) {
                char *key, *value;
                size_t value_length;
                ssize_t record = cut_record(text, length, &key, &value, &value_length);

                if (record < 0) {
                        return tar_damaged(error, "a global header is malformed");
                }
                for (size_t i = 0; i < ELEMENTS_OF(ambiguous); i++) {
                        if (strcmp(key, ambiguous[i]) == 0 || string_after(key, "GNU.sparse.")) {
                                return tar_damaged(error, "a global header sets names or sizes, "
                                                          "which not all readers apply");
                        }
                }
                text += record;
                length -= (size_t)record;
        }
        return 0;
}

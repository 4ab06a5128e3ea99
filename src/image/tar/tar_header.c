/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "image/tar/tar_reader_internal.h"

/* The fields of a header: POSIX.1-1988 (ustar), tar(5). */
enum {
        NAME = 0,
        NAME_LENGTH = 100,
        MODE = 100,
        UID = 108,
        GID = 116,
        ID_LENGTH = 8,
        SIZE = 124,
        MTIME = 136,
        SIZE_LENGTH = 12,
        CHECKSUM = 148,
        CHECKSUM_LENGTH = 8,
        TYPE = 156,
        LINK = 157,
        MAGIC = 257,
        MAGIC_LENGTH = 8,
        DEVICE_MAJOR = 329,
        DEVICE_MINOR = 337,
        PREFIX = 345,
        PREFIX_LENGTH = 155,
        STAR_PREFIX_LENGTH = 131, /* times follow in the rest */
        STAR_MAGIC = 508,
};

static bool base_256(const uint8_t *field, size_t length, int64_t *ret)
{
        uint8_t inverted = field[0] & 0x40 ? 0xff : 0;
        uint64_t value = 0;

        for (size_t i = 0; i < length; i++) {
                uint8_t byte = field[i] ^ inverted;

                if (i == 0) {
                        byte &= 0x7f;
                }
                if (value >> 56) {
                        return false;
                }
                value = value << 8 | byte;
        }
        if (value >> 63) {
                return false;
        }
        *ret = inverted ? -(int64_t)value - 1 : (int64_t)value;
        return true;
}

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\0';
}

bool tar_header_number(const uint8_t *field, size_t length, int64_t *ret)
{
        uint64_t value = 0;

        if (field[0] & 0x80) {
                return base_256(field, length, ret);
        }
        while (length > 0 && is_blank(*field)) {
                field++;
                length--;
        }
        while (length > 0 && is_blank(field[length - 1])) {
                length--;
        }
        /* A NUL ends the text. */
        for (size_t i = 0; i < length && field[i] != '\0'; i++) {
                if (field[i] < '0' || field[i] > '7' || value >> 60) {
                        return false;
                }
                value = value << 3 | (uint64_t)(field[i] - '0');
        }
        *ret = (int64_t)value;
        return true;
}

/* Some writers summed signed characters. */
static bool checksum_is_right(const uint8_t *block)
{
        int64_t wanted, sum = 0, signed_sum = 0;

        if (!tar_header_number(block + CHECKSUM, CHECKSUM_LENGTH, &wanted)) {
                return false;
        }
        for (size_t i = 0; i < TAR_BLOCK; i++) {
                uint8_t byte =
                        i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LENGTH ? (uint8_t)' ' : block[i];

                sum += byte;
                signed_sum += (int8_t)byte;
        }
        return wanted == sum || wanted == signed_sum;
}

static void copy_text(const uint8_t *field, size_t length, char *ret)
{
        size_t end = strnlen((const char *)field, length);

        memcpy(ret, field, end);
        ret[end] = '\0';
}

static bool is_ascii(const char *text)
{
        for (; *text; text++) {
                if ((unsigned char)*text >= 0x80) {
                        return false;
                }
        }
        return true;
}

/* In GNU's header times replace ustar's prefix, but Go's writer before 1.8 put a prefix there. */
static bool has_prefix(const uint8_t *block, bool gnu, const char *prefix)
{
        int64_t ignored;

        return !gnu || (is_ascii(prefix) &&
                        !(tar_header_number(block + PREFIX, SIZE_LENGTH, &ignored) &&
                          tar_header_number(block + PREFIX + SIZE_LENGTH, SIZE_LENGTH, &ignored)));
}

static void join_path(const uint8_t *block, struct tar_header *header)
{
        bool star = memcmp(block + STAR_MAGIC, "tar", 4) == 0;
        char prefix[PREFIX_LENGTH + 1], name[NAME_LENGTH + 1];

        copy_text(block + NAME, NAME_LENGTH, name);
        copy_text(block + PREFIX, star ? STAR_PREFIX_LENGTH : PREFIX_LENGTH, prefix);
        if (memcmp(block + MAGIC, "ustar", 5) != 0 || !*prefix ||
            !has_prefix(block, header->gnu, prefix)) {
                *prefix = '\0';
        }
        (void)snprintf(header->path, sizeof header->path, "%s%s%s", prefix, *prefix ? "/" : "",
                       name);
}

static bool parse_numbers(const uint8_t *block, struct tar_header *header)
{
        int64_t mode = 0;

        if (!tar_header_number(block + MODE, ID_LENGTH, &mode) ||
            !tar_header_number(block + UID, ID_LENGTH, &header->uid) ||
            !tar_header_number(block + GID, ID_LENGTH, &header->gid) ||
            !tar_header_number(block + SIZE, SIZE_LENGTH, &header->size) ||
            !tar_header_number(block + MTIME, SIZE_LENGTH, &header->mtime)) {
                return false;
        }
        header->mode = (unsigned int)mode & 07777;
        /* In other members these fields may contain anything. */
        return (header->type != '3' && header->type != '4') ||
               (tar_header_number(block + DEVICE_MAJOR, ID_LENGTH, &header->device_major) &&
                tar_header_number(block + DEVICE_MINOR, ID_LENGTH, &header->device_minor));
}

int tar_header_parse(const uint8_t block[static TAR_BLOCK], struct tar_header *ret,
                     struct machine_error *error)
{
        struct tar_header header = { .type = (char)block[TYPE],
                                     .gnu = memcmp(block + MAGIC, "ustar  ", MAGIC_LENGTH) == 0 };

        if (!checksum_is_right(block)) {
                return tar_damaged(error, "a header's checksum is wrong");
        }
        if (!parse_numbers(block, &header)) {
                return tar_damaged(error, "a header contains an invalid number");
        }
        if (header.size < 0 || (uint64_t)header.size > TAR_SIZE_MAX) {
                return tar_damaged(error, "a member has an impossible size");
        }
        join_path(block, &header);
        copy_text(block + LINK, NAME_LENGTH, header.link);
        *ret = header;
        return 0;
}

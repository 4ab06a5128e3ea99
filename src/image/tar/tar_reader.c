/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/tar/tar_reader.h"

#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/tar/tar_reader_internal.h"

/* Offsets of fields in GNU's sparse headers (tar(5)). */
enum {
        SPARSE_MAP = 386,
        SPARSE_MAP_COUNT = 4,
        SPARSE_EXTENDED = 482,
        SPARSE_SIZE = 483,
        SPARSE_SIZE_LENGTH = 12,
        SPARSE_NEXT_COUNT = 21,
        SPARSE_NEXT_EXTENDED = 504,
};

struct tar_reader {
        struct tar_input input;
        const uint8_t *piece; /* the unused part of the last piece */
        size_t piece_length;
        uint64_t position;
        uint64_t body;    /* unread bytes of the member */
        uint64_t padding; /* bytes between them and the next header */
        uint8_t block[TAR_BLOCK];
        struct tar_header header;
        struct tar_extended extended;
        struct tar_map map;   /* of the member's content */
        size_t extent;        /* the current piece of the map */
        uint64_t extent_done; /* bytes of it that have been read */
        struct tar_entry entry;
};

int tar_damaged(struct machine_error *error, const char *text)
{
        return error_say(error, EBADMSG, "the tar archive is damaged: %s", text);
}

struct tar_reader *tar_reader_new(const struct tar_input *input)
{
        struct tar_reader *reader = calloc(1, sizeof *reader);

        if (reader) {
                reader->input = *input;
        }
        return reader;
}

void tar_reader_free(struct tar_reader *reader)
{
        tar_extended_clear(&reader->extended);
        tar_map_clear(&reader->map);
        free(reader);
}

/* ---- Bytes ---- */

/* Makes sure that there is a piece. Returns 1, 0 at the end, or -errno with the error set. */
static int fill(struct tar_reader *reader, struct machine_error *error)
{
        int r;

        if (reader->piece_length > 0) {
                return 1;
        }
        r = reader->input.read(reader->input.data, &reader->piece, &reader->piece_length);
        if (r < 0) {
                reader->piece_length = 0;
                return error_set(error, r, "cannot read the archive");
        }
        return reader->piece_length > 0;
}

static void consume(struct tar_reader *reader, size_t length)
{
        reader->piece += length;
        reader->piece_length -= length;
        reader->position += length;
}

/* Copies up to this many bytes. Returns their number or -errno. */
static ssize_t take(struct tar_reader *reader, void *to, size_t wanted, struct machine_error *error)
{
        size_t taken = 0;

        while (taken < wanted) {
                size_t length;
                int r = fill(reader, error);

                if (r < 0) {
                        return r;
                }
                if (r == 0) {
                        break;
                }
                length = reader->piece_length < wanted - taken ? reader->piece_length
                                                               : wanted - taken;
                memcpy((uint8_t *)to + taken, reader->piece, length);
                consume(reader, length);
                taken += length;
        }
        return (ssize_t)taken;
}

/* Skips bytes. Returns their number or -errno. */
static int64_t leave_out(struct tar_reader *reader, uint64_t wanted, struct machine_error *error)
{
        uint64_t done = 0;

        while (done < wanted) {
                size_t length;
                int r;

                if (reader->piece_length == 0 && reader->input.skip && wanted - done > TAR_BLOCK) {
                        /* Skip all but the last block; reading that shows whether they existed. */
                        uint64_t most = wanted - done - TAR_BLOCK;

                        reader->input.skip(reader->input.data, most);
                        reader->position += most;
                        done += most;
                }
                r = fill(reader, error);
                if (r < 0) {
                        return r;
                }
                if (r == 0) {
                        break;
                }
                length = reader->piece_length < wanted - done ? reader->piece_length
                                                              : (size_t)(wanted - done);
                consume(reader, length);
                done += length;
        }
        return (int64_t)done;
}

/* Advances to the next header. Some archives (umoci insert) end with the last file's content, not
 * with a full block. */
static int leave_member(struct tar_reader *reader, struct machine_error *error)
{
        int64_t left = leave_out(reader, reader->body, error);
        int64_t padding;

        if (left < 0) {
                return (int)left;
        }
        if ((uint64_t)left < reader->body) {
                return tar_damaged(error, "it ends within a file");
        }
        padding = leave_out(reader, reader->padding, error);
        reader->body = reader->padding = 0;
        return padding < 0 ? (int)padding : 0;
}

static bool is_zero(const uint8_t *block, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if (block[i] != 0) {
                        return false;
                }
        }
        return true;
}

/* Reads a header. Returns 1, 0 at the end of the archive, or -errno. An archive ends with two
 * blocks of zeros or with its file. */
static int read_block(struct tar_reader *reader, struct machine_error *error)
{
        ssize_t n = take(reader, reader->block, TAR_BLOCK, error);

        if (n <= 0) {
                return (int)n;
        }
        if (n < TAR_BLOCK) {
                return tar_damaged(error, "it ends within a header");
        }
        if (!is_zero(reader->block, TAR_BLOCK)) {
                return 1;
        }
        n = take(reader, reader->block, TAR_BLOCK, error);
        if (n < 0) {
                return (int)n;
        }
        return is_zero(reader->block, (size_t)n)
                       ? 0
                       : tar_damaged(error, "there is a single block of zeros between its members");
}

/* ---- Headers ---- */

/* The content of an extended header or of a long name, terminated by a NUL. */
static int read_special(struct tar_reader *reader, char **ret, struct machine_error *error)
{
        size_t length = (size_t)reader->body;
        _cleanup_free_ char *text = NULL;
        ssize_t n;

        if (reader->body > TAR_SPECIAL_MAX) {
                return tar_damaged(error, "an extended header or a name is too long");
        }
        text = malloc(length + 1);
        if (!text) {
                return error_oom(error);
        }
        n = take(reader, text, length, error);
        if (n < 0) {
                return (int)n;
        }
        if ((size_t)n < length) {
                return tar_damaged(error, "it ends within an extended header");
        }
        reader->body = 0;
        text[length] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

static int read_extended(struct tar_reader *reader, struct machine_error *error)
{
        size_t length = (size_t)reader->body;
        _cleanup_free_ char *text = NULL;
        int r = read_special(reader, &text, error);

        if (r < 0) {
                return r;
        }
        return reader->header.type == 'g'
                       ? tar_extended_check_global(text, length, error)
                       : tar_extended_add(&reader->extended, text, length, error);
}

static int read_long_name(struct tar_reader *reader, struct machine_error *error)
{
        char **place = reader->header.type == 'L' ? &reader->extended.long_path
                                                  : &reader->extended.long_link;
        char *text = NULL;
        int r = read_special(reader, &text, error);

        if (r == 0) {
                r = string_replace(place, *text ? text : NULL) < 0 ? error_oom(error) : 0;
                free(text);
                reader->extended.present = true;
        }
        return r;
}

/* Headers between members. */
static const struct {
        char type;
        int (*read)(struct tar_reader *reader, struct machine_error *error); /* NULL: ignored */
} specials[] = {
        { 'x', read_extended },  { 'X', read_extended },  { 'g', read_extended },
        { 'L', read_long_name }, { 'K', read_long_name }, { 'V', NULL }, /* the volume's label */
};

/* Reads headers up to that of a member. Returns 1, 0 at the end, or -errno. */
static int read_headers(struct tar_reader *reader, struct machine_error *error)
{
        for (;;) {
                bool special = false;
                int r = read_block(reader, error);

                if (r == 0 && reader->extended.present) {
                        return tar_damaged(error, "it ends after an extended header");
                }
                if (r > 0) {
                        r = tar_header_parse(reader->block, &reader->header, error);
                        r = r < 0 ? r : 1;
                }
                if (r <= 0) {
                        return r;
                }
                reader->body = (uint64_t)reader->header.size;
                reader->padding = -reader->body % TAR_BLOCK;
                for (size_t i = 0; i < ELEMENTS_OF(specials) && !special; i++) {
                        special = specials[i].type == reader->header.type;
                        if (special && specials[i].read) {
                                r = specials[i].read(reader, error);
                        }
                }
                if (!special) {
                        return 1;
                }
                if (r >= 0) {
                        r = leave_member(reader, error);
                }
                if (r < 0) {
                        return r;
                }
        }
}

/* ---- Sparse files ---- */

static int map_failed(int r, struct machine_error *error)
{
        return r == -ENOMEM  ? error_oom(error)
               : r == -E2BIG ? tar_damaged(error, "a sparse file's map is too long")
                             : tar_damaged(error, "a sparse file's map is malformed");
}

/* The old format: the map is in the header and in the blocks after it. */
static int read_gnu_map(struct tar_reader *reader, struct machine_error *error)
{
        bool more = reader->block[SPARSE_EXTENDED] != 0;
        int64_t size;
        int r;

        if (!tar_header_number(reader->block + SPARSE_SIZE, SPARSE_SIZE_LENGTH, &size) ||
            size < 0) {
                return map_failed(-EBADMSG, error);
        }
        reader->entry.size = (uint64_t)size;
        r = tar_map_add_gnu(&reader->map, reader->block + SPARSE_MAP, SPARSE_MAP_COUNT);
        while (r == 0 && more) {
                ssize_t n = take(reader, reader->block, TAR_BLOCK, error);

                if (n < 0) {
                        return (int)n;
                }
                if (n < TAR_BLOCK) {
                        return tar_damaged(error, "it ends within a header");
                }
                r = tar_map_add_gnu(&reader->map, reader->block, SPARSE_NEXT_COUNT);
                more = reader->block[SPARSE_NEXT_EXTENDED] != 0;
        }
        return r < 0 ? map_failed(r, error) : 0;
}

/* The next number of a map before the content: digits up to a newline. */
static int read_map_number(struct tar_reader *reader, uint64_t *ret, struct machine_error *error)
{
        char text[24];
        size_t length = 0;
        int64_t number;

        while (length < sizeof text && reader->body > 0) {
                ssize_t n = take(reader, &text[length], 1, error);

                if (n < 0) {
                        return (int)n;
                }
                if (n == 0) {
                        return tar_damaged(error, "it ends within a file");
                }
                reader->body--;
                if (text[length] == '\n') {
                        text[length] = '\0';
                        if (!tar_decimal(text, &number) || number < 0) {
                                break;
                        }
                        *ret = (uint64_t)number;
                        return 0;
                }
                length++;
        }
        return map_failed(-EBADMSG, error);
}

/* Version 1.0: the number of pieces, then offset and length of each, padded to a block. */
static int read_content_map(struct tar_reader *reader, struct machine_error *error)
{
        uint64_t before = reader->body, padding, count;
        int64_t left;
        int r = read_map_number(reader, &count, error);

        while (r == 0 && count-- > 0) {
                uint64_t offset, length;

                r = read_map_number(reader, &offset, error);
                if (r == 0) {
                        r = read_map_number(reader, &length, error);
                }
                if (r == 0) {
                        r = tar_map_add(&reader->map, offset, length);
                        r = r < 0 ? map_failed(r, error) : 0;
                }
        }
        if (r < 0) {
                return r;
        }
        padding = (reader->body - before) % TAR_BLOCK;
        if (padding > reader->body) {
                return map_failed(-EBADMSG, error);
        }
        left = leave_out(reader, padding, error);
        reader->body -= padding;
        return left < 0 ? (int)left : 0;
}

static int read_map(struct tar_reader *reader, struct machine_error *error)
{
        struct tar_extended *extended = &reader->extended;
        bool before = extended->sparse_major == 1;
        int r = 0;

        reader->entry.sparse = true;
        if (reader->header.type == 'S') {
                r = read_gnu_map(reader, error);
        } else if (before || extended->has_map) {
                if (!extended->has_sparse_size || extended->sparse_size < 0) {
                        return map_failed(-EBADMSG, error);
                }
                reader->entry.size = (uint64_t)extended->sparse_size;
                if (before) {
                        r = read_content_map(reader, error);
                } else {
                        reader->map = extended->map;
                        extended->map = (struct tar_map){ 0 };
                }
        } else {
                reader->entry.sparse = false;
                reader->entry.size = reader->body;
                r = tar_map_add(&reader->map, 0, reader->body);
        }
        if (r == 0 && !tar_map_fits(&reader->map, reader->entry.size, reader->body)) {
                r = tar_damaged(error, "a sparse file's map does not fit its size");
        }
        return r;
}

/* ---- Members ---- */

static enum tar_type type_of(char type)
{
        static const struct {
                char type;
                enum tar_type meaning;
        } types[] = {
                { '0', TAR_FILE },
                { '\0', TAR_FILE },
                { '7', TAR_FILE },
                { 'S', TAR_FILE },
                { '1', TAR_HARD_LINK },
                { '2', TAR_LINK },
                { '3', TAR_CHARACTER_DEVICE },
                { '4', TAR_BLOCK_DEVICE },
                { '5', TAR_DIRECTORY },
                { 'D', TAR_DIRECTORY },
                { '6', TAR_FIFO },
        };

        for (size_t i = 0; i < ELEMENTS_OF(types); i++) {
                if (types[i].type == type) {
                        return types[i].meaning;
                }
        }
        return TAR_OTHER;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
        return a ? a : b ? b : c;
}

static void describe(struct tar_reader *reader)
{
        const struct tar_header *header = &reader->header;
        const struct tar_extended *extended = &reader->extended;
        const char *path = first_of(extended->sparse_path, extended->path, header->path);
        const char *target = first_of(extended->long_link, extended->link, header->link);
        enum tar_type type = type_of(header->type);

        path = extended->long_path ? extended->long_path : path;
        /* Before POSIX a trailing slash marked a directory, and some writers still use it. */
        if (type == TAR_FILE && *path && path[strlen(path) - 1] == '/') {
                type = TAR_DIRECTORY;
        }
        reader->entry = (struct tar_entry){
                .type = type,
                .path = path,
                .target = type == TAR_LINK || type == TAR_HARD_LINK ? target : "",
                .mode = header->mode,
                .uid = extended->has_uid ? extended->uid : header->uid,
                .gid = extended->has_gid ? extended->gid : header->gid,
                .mtime = extended->has_mtime ? extended->mtime : header->mtime,
                .mtime_nsec = extended->has_mtime ? extended->mtime_nsec : 0,
                .device_major = (uint64_t)header->device_major,
                .device_minor = (uint64_t)header->device_minor,
                .attributes = extended->attributes,
                .attribute_count = extended->attribute_count,
        };
}

/* The size of the content in the archive. Members of types without content have none, whatever
 * their size field. */
static int measure(struct tar_reader *reader, struct machine_error *error)
{
        int64_t size = reader->extended.has_size ? reader->extended.size : reader->header.size;
        bool bare = reader->header.type >= '1' && reader->header.type <= '6';

        if (size < 0 || (uint64_t)size > TAR_SIZE_MAX) {
                return tar_damaged(error, "a member has an impossible size");
        }
        reader->body = bare ? 0 : (uint64_t)size;
        reader->padding = -reader->body % TAR_BLOCK;
        return 0;
}

int tar_reader_next(struct tar_reader *reader, const struct tar_entry **ret,
                    struct machine_error *error)
{
        int r = leave_member(reader, error);

        tar_extended_clear(&reader->extended);
        tar_map_clear(&reader->map);
        reader->extent = 0;
        reader->extent_done = 0;
        if (r == 0) {
                r = read_headers(reader, error);
        }
        if (r <= 0) {
                return r;
        }
        describe(reader);
        r = measure(reader, error);
        if (r == 0 && reader->entry.type == TAR_FILE) {
                r = read_map(reader, error);
        }
        if (r < 0) {
                return r;
        }
        reader->entry.content_offset = reader->position;
        *ret = &reader->entry;
        return 1;
}

int tar_reader_content(struct tar_reader *reader, const void **ret, size_t *ret_length,
                       uint64_t *ret_offset, struct machine_error *error)
{
        const struct tar_extent *extent;
        uint64_t left;
        int r;

        while (reader->extent < reader->map.count &&
               reader->extent_done == reader->map.extents[reader->extent].length) {
                reader->extent++;
                reader->extent_done = 0;
        }
        if (reader->extent == reader->map.count) {
                return 0;
        }
        extent = &reader->map.extents[reader->extent];
        left = extent->length - reader->extent_done;
        r = fill(reader, error);
        if (r <= 0) {
                return r < 0 ? r : tar_damaged(error, "it ends within a file");
        }
        *ret = reader->piece;
        *ret_length = reader->piece_length < left ? reader->piece_length : (size_t)left;
        *ret_offset = extent->offset + reader->extent_done;
        consume(reader, *ret_length);
        reader->extent_done += *ret_length;
        reader->body -= *ret_length;
        return 1;
}

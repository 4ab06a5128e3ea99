/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/tar_reader.h"

#include <string.h>

#include "base/error.h"
#include "base/strings.h"

/* The program stays in the C locale, where libarchive finds that names beyond ASCII cannot be
 * converted and hands on their bytes as they are: in a UTF-8 locale it would normalize them. */
struct archive *archive_tar_reader(void)
{
        struct archive *archive = archive_read_new();

        if (archive && (archive_read_support_format_tar(archive) != ARCHIVE_OK ||
                        archive_read_support_format_empty(archive) != ARCHIVE_OK)) {
                archive_read_free(archive);
                return NULL;
        }
        return archive;
}

/* Some writers (umoci insert) end with the last file's content, not with the block that it is in,
 * which libarchive insists on and Go's reader, every other engine's, does not. */
static ssize_t missing_padding(const struct archive_input *input)
{
        size_t beyond = (size_t)(input->length % sizeof input->padding);

        return beyond == 0 ? 0 : (ssize_t)(sizeof input->padding - beyond);
}

/* libarchive looks at the block until it asks for the next. */
static ssize_t read_block(struct archive *archive, void *data, const void **block)
{
        struct archive_input *input = data;
        const uint8_t *bytes = NULL;
        size_t length = 0;
        int r;

        if (input->holding) {
                stream_release(input->stream, 0);
                input->holding = false;
        }
        if (input->ended) {
                return 0;
        }
        r = stream_read(input->stream, 0, &bytes, &length);
        if (r < 0) {
                input->failure = r;
                archive_set_error(archive, EIO, "the data ends early");
                return ARCHIVE_FATAL;
        }
        input->holding = length > 0;
        input->ended = length == 0;
        input->length += length;
        if (input->ended) {
                *block = input->padding;
                return missing_padding(input);
        }
        *block = bytes;
        return (ssize_t)length;
}

bool archive_is_cut_short(const struct archive_input *input, const void *data)
{
        uintptr_t at = (uintptr_t)data, padding = (uintptr_t)input->padding;

        return at >= padding && at < padding + sizeof input->padding;
}

int archive_failed(struct archive *archive, struct machine_error *error)
{
        const char *text = archive_error_string(archive);
        _cleanup_free_ char *printable = string_printable(text ? text : "no reason given");

        return error_say(error, EBADMSG, "the tar archive is damaged: %s",
                         printable ? printable : "");
}

int archive_input_open(struct archive_input *input, struct archive **ret,
                       struct machine_error *error)
{
        input->archive = archive_tar_reader();
        if (!input->archive) {
                return error_oom(error);
        }
        if (archive_read_open(input->archive, input, NULL, read_block, NULL) != ARCHIVE_OK) {
                return archive_failed(input->archive, error);
        }
        *ret = input->archive;
        return 0;
}

int archive_input_drain(struct archive_input *input)
{
        const void *block;
        ssize_t n;

        do {
                n = read_block(input->archive, input, &block);
        } while (n > 0);
        return n < 0 ? input->failure : 0;
}

void archive_input_close(struct archive_input *input)
{
        if (input->holding) {
                stream_release(input->stream, 0);
                input->holding = false;
        }
        if (input->archive) {
                archive_read_free(input->archive);
                input->archive = NULL;
        }
}

/* Names are kept as bytes whatever they are; libarchive warns where they are not of the charset
 * that it expects. Any other warning means that a header can be read in more than one way. */
static bool is_harmless(struct archive *archive)
{
        const char *text = archive_error_string(archive);

        return text && strstr(text, "can't be converted");
}

int archive_next(struct archive *archive, struct archive_entry **ret, struct machine_error *error)
{
        int r = archive_read_next_header(archive, ret);

        if (r == ARCHIVE_EOF) {
                return 0;
        }
        if (r == ARCHIVE_OK || (r == ARCHIVE_WARN && is_harmless(archive))) {
                return 1;
        }
        return archive_failed(archive, error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/watch/health_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strings.h"

#define CHUNK 4096

/* Read as much as a pipe holds, and do not wait for a process that keeps printing. */
#define CHUNKS_MAXIMUM 16

static void keep(struct health_output *output, const char *text, size_t length)
{
        size_t most = sizeof output->text, left;

        if (length > most) {
                text += length - most;
                length = most;
        }
        left = output->length + length > most ? most - length : output->length;
        memmove(output->text, output->text + output->length - left, left);
        memcpy(output->text + left, text, length);
        output->length = left + length;
}

/* Returns whether there may be more to read. */
static bool take(struct health_output *output)
{
        char text[CHUNK];
        ssize_t n = read(output->fd, text, sizeof text);

        if (n > 0) {
                keep(output, text, (size_t)n);
                return true;
        }
        if (n == 0) {
                /* All writers have closed it, and EPOLLHUP would be reported forever. */
                event_remove(TAKE_PTR(output->source));
        }
        return false;
}

static int on_readable(struct event_source *source, int fd, uint32_t events, void *data)
{
        (void)take(data);
        return 0;
}

int health_output_open(struct health_output *output, struct event_loop *loop, uid_t owner,
                       int *ret_fd)
{
        int ends[2];
        int r;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return -errno;
        }
        output->length = 0;
        output->fd = ends[0];
        if (fchown(ends[1], owner, owner) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
                r = -errno;
        } else {
                r = event_add_fd(loop, ends[0], EPOLLIN, on_readable, output, &output->source);
        }
        if (r < 0) {
                output->fd = fd_close(output->fd);
                fd_close(ends[1]);
                return r;
        }
        *ret_fd = ends[1];
        return 0;
}

/* Skips a truncated UTF-8 character at the beginning. */
static size_t skip_broken(const char *text, size_t length)
{
        size_t skipped = 0;

        while (skipped < 4 && skipped < length && ((unsigned char)text[skipped] & 0xc0) == 0x80) {
                skipped++;
        }
        return skipped;
}

static char *to_text(const struct health_output *output)
{
        size_t first = output->length == sizeof output->text
                               ? skip_broken(output->text, output->length)
                               : 0;
        _cleanup_free_ char *raw = malloc(output->length - first + 1);
        _cleanup_strv_ char **lines = NULL;
        char *save = NULL;

        if (!raw) {
                return NULL;
        }
        for (size_t i = first; i < output->length; i++) {
                /* Strings cannot contain NUL. */
                raw[i - first] = output->text[i] ? output->text[i] : ' ';
        }
        raw[output->length - first] = '\0';
        for (char *line = strtok_r(raw, "\r\n", &save); line;
             line = strtok_r(NULL, "\r\n", &save)) {
                if (strv_take(&lines, string_printable(line)) < 0) {
                        return NULL;
                }
        }
        return lines ? strv_join(lines, "\n") : NULL;
}

char *health_output_close(struct health_output *output)
{
        char *text;

        if (output->fd < 0) {
                return NULL;
        }
        for (int i = 0; i < CHUNKS_MAXIMUM && take(output); i++) {
        }
        event_remove(TAKE_PTR(output->source));
        output->fd = fd_close(output->fd);
        text = to_text(output);
        output->length = 0;
        return text;
}

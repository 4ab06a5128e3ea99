/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the output of a machine from the journal. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/process/process.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "supervise/output/log_reader.h"
#include "systemd/journal.h"

/* The interval, in milliseconds, at which a follower checks whether the machine has ended. */
#define END_CHECK_INTERVAL 500

/* The output of journalctl(1), with an incomplete line in the buffer. */
struct pipe_reader {
        int fd;
        char *buffer;
        size_t length, room;
};

/* journalctl prints binary data as an array of numbers. The caller frees the text. */
static char *message_text(const json_t *message, size_t *ret_length)
{
        const json_t *byte;
        char *text;
        size_t i;

        if (json_is_string(message)) {
                *ret_length = json_string_length(message);
                return strdup(json_string_value(message));
        }
        *ret_length = json_array_size(message);
        text = malloc(*ret_length + 1);
        if (text) {
                json_array_foreach(message, i, byte)
                {
                        text[i] = (char)json_integer_value(byte);
                }
        }
        return text;
}

/* Maps the priorities assigned by supervise/output/output.c back to streams. */
static const char *stream_of(const char *priority)
{
        switch (priority ? atoi(priority) : LOG_INFO) {
        case LOG_NOTICE:
                return "supervisor";
        case LOG_WARNING:
                return "stderr";
        default:
                return "stdout";
        }
}

static int hand_on(const struct log_reading *reading, const char *line, size_t length)
{
        _cleanup_json_ json_t *object = json_loadb(line, length, 0, NULL);
        const char *stamp = json_get_string(object, "__REALTIME_TIMESTAMP");
        _cleanup_free_ char *text = NULL;
        struct log_entry entry = { .whole = true };

        if (!stamp || quantity_parse_number(stamp, &entry.usec) < 0 ||
            entry.usec < reading->since) {
                return 0;
        }
        text = message_text(json_object_get(object, "MESSAGE"), &entry.length);
        if (!text) {
                return -ENOMEM;
        }
        entry.stream = stream_of(json_get_string(object, "PRIORITY"));
        entry.stream_length = strlen(entry.stream);
        entry.text = text;
        return reading->handler(&entry, reading->data);
}

/* Passes on all complete lines and moves the rest to the beginning of the buffer. */
static int hand_on_lines(const struct log_reading *reading, struct pipe_reader *reader)
{
        char *start = reader->buffer;
        char *end = start + reader->length;
        char *newline;
        int r = 0;

        while (r >= 0 && start < end && (newline = memchr(start, '\n', (size_t)(end - start)))) {
                r = hand_on(reading, start, (size_t)(newline - start));
                start = newline + 1;
        }
        reader->length = (size_t)(end - start);
        memmove(reader->buffer, start, reader->length);
        return r < 0 ? r : 0;
}

/* Returns 1 if data was read, 0 at the end, or -errno. */
static int read_more(struct pipe_reader *reader)
{
        ssize_t n;

        if (reader->length == reader->room) {
                size_t room = reader->room ? 2 * reader->room : 65536;
                char *grown = realloc(reader->buffer, room);

                if (!grown) {
                        return -ENOMEM;
                }
                reader->buffer = grown;
                reader->room = room;
        }
        do {
                n = read(reader->fd, reader->buffer + reader->length,
                         reader->room - reader->length);
        } while (n < 0 && errno == EINTR);
        if (n > 0) {
                reader->length += (size_t)n;
        }
        return n < 0 ? -errno : n > 0;
}

/* Waits for more. Returns true if the machine has ended and no more output arrives. */
static bool is_over(const struct log_reading *reading, const struct pipe_reader *reader)
{
        struct pollfd more = { .fd = reader->fd, .events = POLLIN };
        bool ended = false;

        while (poll(&more, 1, END_CHECK_INTERVAL) == 0) {
                /* Its last output may arrive after its end: wait once more. */
                if (ended) {
                        return true;
                }
                ended = reading->ended && reading->ended(reading->data);
        }
        return false;
}

static int read_all(const struct log_reading *reading, struct pipe_reader *reader)
{
        int r = 1;

        while (r > 0) {
                if (reading->follow && is_over(reading, reader)) {
                        return 0;
                }
                r = read_more(reader);
                if (r > 0) {
                        int handed = hand_on_lines(reading, reader);

                        r = handed < 0 ? handed : r;
                }
        }
        return r;
}

int log_read_journal(const struct log_reading *reading, struct machine_error *error)
{
        const struct journal_query query = {
                .machine = reading->machine,
                .since = reading->since,
                .last = reading->last,
                .follow = reading->follow,
        };
        struct pipe_reader reader = { .fd = -EBADF };
        pid_t pid;
        int r = journal_spawn_reader(&query, &pid, &reader.fd), status;

        if (r < 0) {
                return error_set(error, r, "cannot run journalctl");
        }
        r = read_all(reading, &reader);
        fd_close(reader.fd);
        free(reader.buffer);
        /* journalctl --follow does not exit by itself. */
        if (reading->follow || r < 0) {
                (void)kill(pid, SIGTERM);
        }
        status = process_wait(pid);
        if (r < 0) {
                return error_set(error, r, "cannot read the log of machine \"%s\"",
                                 reading->machine);
        }
        return status > 0 && !reading->follow
                       ? error_say(error, EIO, "journalctl failed with status %d", status)
                       : 0;
}

int log_read_any(const struct log_reading *reading, struct machine_error *error)
{
        _cleanup_free_ char *path =
                string_format("%s/%s.log", reading->directory, reading->machine);

        if (!path) {
                return error_oom(error);
        }
        if (access(path, F_OK) == 0) {
                return log_read(reading, error);
        }
        if (journal_is_running()) {
                return log_read_journal(reading, error);
        }
        error_say(error, ENOENT, "machine \"%s\" has no log in %s", reading->machine,
                  reading->directory);
        error_hint(error, "only machines started in the background have logs");
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>

#include "base/error.h"
#include "base/strings.h"
#include "supervise/output/log_file.h"
#include "supervise/output/watchers.h"
#include "systemd/journal.h"

/* Longer lines are written in parts. */
#define LINE_MAXIMUM 16384

/* An output stream of the payload. */
struct stream {
        struct output *output;
        const char *name;
        int priority;
        int ends[2]; /* of the pipe: reading and writing */
        char line[LINE_MAXIMUM];
        size_t length;
};

struct output {
        struct event_loop *loop;
        const char *machine;
        enum machine_log_driver driver;
        struct log_file file;
        int journal;
        bool failing; /* the last line could not be written */
        bool noted;   /* .. and the log contains a notice of it */
        struct stream streams[2];
        struct stream console;
        struct event_source *console_source;
        struct watchers *watchers; /* of the console */
};

static int keep(struct output *output, const char *stream, int priority, const char *text,
                size_t length, bool whole)
{
        switch (output->driver) {
        case MACHINE_LOG_JOURNAL:
                return journal_send(output->journal, output->machine, priority, text, length);
        case MACHINE_LOG_FILE:
                return log_file_write(&output->file, stream, text, length, whole);
        case MACHINE_LOG_AUTO:
        case MACHINE_LOG_NONE:
                break;
        }
        return 0;
}

/* A failing log, on a full disk for example, must not stop the machine. When it works again, a
 * notice says that lines are missing. */
static void keep_line(struct stream *stream, const char *text, size_t length, bool whole)
{
        static const char lost[] = "machinectl-lite: lines were lost: the log could not be written";
        struct output *output = stream->output;

        if (output->failing && !output->noted &&
            keep(output, "supervisor", LOG_WARNING, lost, strlen(lost), true) < 0) {
                return;
        }
        /* There may have been space for the notice but not for the line. */
        output->noted = output->failing;
        output->failing = keep(output, stream->name, stream->priority, text, length, whole) < 0;
        output->noted = output->noted && output->failing;
}

/* Terminals end lines with CR LF. */
static size_t line_length(const char *start, const char *end)
{
        return (size_t)(end - start) - (end > start && end[-1] == '\r');
}

/* Writes all complete lines and moves the rest to the beginning of the buffer. */
static void keep_lines(struct stream *stream)
{
        char *start = stream->line;
        size_t left = stream->length;
        char *end;

        while ((end = memchr(start, '\n', left))) {
                keep_line(stream, start, line_length(start, end), true);
                left -= (size_t)(end - start) + 1;
                start = end + 1;
        }
        if (left == sizeof stream->line) {
                keep_line(stream, start, left, false);
                left = 0;
        }
        memmove(stream->line, start, left);
        stream->length = left;
}

/* Returns 1 if data was read, 0 if there is none, -1 at the end. */
static int take(struct stream *stream)
{
        ssize_t n = read(stream->ends[0], stream->line + stream->length,
                         sizeof stream->line - stream->length);

        if (n > 0) {
                if (stream == &stream->output->console) {
                        watchers_tell(stream->output->watchers, stream->line + stream->length,
                                      (size_t)n);
                }
                stream->length += (size_t)n;
                keep_lines(stream);
                return 1;
        }
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static int on_readable(struct event_source *source, int fd, uint32_t events, void *data)
{
        (void)take(data);
        return 0;
}

/* While the other side of a terminal is closed, reading fails with EIO: wait until it is opened. */
static int on_console(struct event_source *source, int fd, uint32_t events, void *data)
{
        if (take(data) < 0) {
                return event_set_events(source, EPOLLIN | EPOLLET);
        }
        return 0;
}

static void pause_console(bool paused, void *data)
{
        struct output *output = data;

        (void)event_set_events(output->console_source, paused ? 0 : EPOLLIN);
}

static const char *console_line(size_t *ret_length, void *data)
{
        const struct output *output = data;

        *ret_length = output->console.length;
        return output->console.line;
}

int output_follow(struct output *output, int terminal, const char *socket)
{
        const struct watchers_reader reader = { pause_console, console_line, output };
        int r;

        if (fcntl(terminal, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
                return -errno;
        }
        output->console.output = output;
        output->console.name = "console";
        output->console.priority = LOG_INFO;
        output->console.ends[0] = terminal;
        r = event_add_fd(output->loop, terminal, EPOLLIN, on_console, &output->console,
                         &output->console_source);
        return r < 0 ? r
                     : watchers_listen(output->loop, socket, terminal, &reader, &output->watchers);
}

/* Reads all available data, and writes the last line even if it is incomplete. */
static void drain(struct stream *stream)
{
        while (take(stream) > 0) {
        }
        if (stream->length > 0) {
                keep_line(stream, stream->line, stream->length, true);
                stream->length = 0;
        }
}

static int open_stream(struct event_loop *loop, struct output *output, size_t i, const char *name,
                       int priority, struct machine_error *error)
{
        struct stream *stream = &output->streams[i];
        int r;

        stream->output = output;
        stream->name = name;
        stream->priority = priority;
        /* Only our end is non-blocking, the payload's mode is left alone. */
        if (pipe2(stream->ends, O_CLOEXEC) < 0 ||
            fcntl(stream->ends[0], F_SETFL, O_RDONLY | O_NONBLOCK) < 0) {
                return error_set(error, errno,
                                 "cannot create a pipe for the output of the machine");
        }
        r = event_add_fd(loop, stream->ends[0], EPOLLIN, on_readable, stream, NULL);
        return r < 0 ? error_set(error, r, "cannot watch the output of the machine") : 0;
}

static int open_log(struct output *output, const struct machine *machine, const char *log_directory,
                    struct machine_error *error)
{
        output->driver = machine->life.log_driver;
        if (output->driver == MACHINE_LOG_JOURNAL || output->driver == MACHINE_LOG_AUTO) {
                output->journal = journal_open();
                if (output->journal < 0 && output->driver == MACHINE_LOG_JOURNAL) {
                        error_set(error, output->journal, "cannot reach the journal");
                        error_hint(error, "use log = { driver = \"file\"; }");
                        return output->journal;
                }
                output->driver = output->journal < 0 ? MACHINE_LOG_FILE : MACHINE_LOG_JOURNAL;
        }
        return output->driver == MACHINE_LOG_FILE
                       ? log_file_open(log_directory, machine->name, machine->life.log_max_size,
                                       &output->file, error)
                       : 0;
}

int output_open(struct event_loop *loop, const struct machine *machine, const char *log_directory,
                struct output **ret, struct machine_error *error)
{
        _cleanup_output_ struct output *output = calloc(1, sizeof *output);
        int r;

        if (!output) {
                return error_oom(error);
        }
        output->loop = loop;
        output->machine = machine->name;
        output->console.ends[0] = -EBADF;
        output->file = (struct log_file)LOG_FILE_INIT;
        output->journal = -EBADF;
        for (size_t i = 0; i < ELEMENTS_OF(output->streams); i++) {
                output->streams[i].ends[0] = output->streams[i].ends[1] = -EBADF;
        }
        r = open_log(output, machine, log_directory, error);
        if (r == 0) {
                r = open_stream(loop, output, 0, "stdout", LOG_INFO, error);
        }
        if (r == 0) {
                r = open_stream(loop, output, 1, "stderr", LOG_WARNING, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = TAKE_PTR(output);
        return 0;
}

int output_stream(const struct output *output, int number)
{
        return output->streams[number - 1].ends[1];
}

void output_say(struct output *output, const char *text)
{
        (void)keep(output, "supervisor", LOG_NOTICE, text, strlen(text), true);
}

void output_reopen(struct output *output)
{
        if (output->driver == MACHINE_LOG_FILE) {
                (void)log_file_refresh(&output->file);
        }
}

void output_drain(struct output *output)
{
        for (size_t i = 0; i < ELEMENTS_OF(output->streams); i++) {
                drain(&output->streams[i]);
        }
        if (output->console_source) {
                drain(&output->console);
                watchers_free(TAKE_PTR(output->watchers));
                event_remove(TAKE_PTR(output->console_source));
                output->console.ends[0] = -EBADF;
        }
}

void output_free(struct output *output)
{
        if (!output) {
                return;
        }
        for (size_t i = 0; i < ELEMENTS_OF(output->streams); i++) {
                fd_close(output->streams[i].ends[0]);
                fd_close(output->streams[i].ends[1]);
        }
        watchers_free(output->watchers);
        log_file_close(&output->file);
        fd_close(output->journal);
        free(output);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/output/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/error.h"
#include "base/file.h"
#include "supervise/output/keys.h"

#define CHUNK KEYS_CHUNK

/* One direction of the relay, with a buffer of data that is not yet written. */
struct pipe {
        int from; /* borrowed */
        int to;   /* owned: a duplicate, because epoll accepts a descriptor only once */
        struct event_source *reader; /* NULL after the end of input */
        struct event_source *writer;
        bool always_readable;    /* a file, which epoll does not support */
        bool is_input;           /* its end is passed on to the machine */
        char last;               /* the last byte read */
        struct keys *keys;       /* that detach, or NULL */
        struct event_loop *loop; /* which they end */
        char data[CHUNK + KEYS_MAXIMUM];
        size_t start;
        size_t end;
};

struct terminal {
        int master;
        bool raw;
        struct termios saved;
        struct pipe input;  /* caller to machine */
        struct pipe output; /* machine to caller */
};

static size_t pending(const struct pipe *pipe)
{
        return pipe->end - pipe->start;
}

/* Waits for writing if there is data in the buffer, or else for reading. */
static void arm(struct pipe *pipe)
{
        if (pipe->reader) {
                (void)event_set_events(pipe->reader, pending(pipe) ? 0 : EPOLLIN);
        }
        if (pipe->writer) {
                (void)event_set_events(pipe->writer,
                                       pending(pipe) || pipe->always_readable ? EPOLLOUT : 0);
        }
}

static void stop_reading(struct pipe *pipe)
{
        event_remove(TAKE_PTR(pipe->reader));
        pipe->always_readable = false;
}

/* The end of a terminal's input is a character: at the beginning of a line it means the end, within
 * a line it only flushes the line, and in non-canonical mode it has no effect. */
static void type_end(struct pipe *pipe)
{
        struct termios modes;

        if (tcgetattr(pipe->to, &modes) == 0 && (modes.c_lflag & ICANON)) {
                pipe->start = pipe->end = 0;
                pipe->data[pipe->end++] = (char)modes.c_cc[VEOF];
                if (pipe->last != '\n') {
                        pipe->data[pipe->end++] = (char)modes.c_cc[VEOF];
                }
        }
}

/* Returns 1 if there is data, 0 if there is none now, -1 at the end. */
static int fill(struct pipe *pipe)
{
        ssize_t n;

        if (pending(pipe)) {
                return 1;
        }
        n = read(pipe->from, pipe->data, CHUNK);
        if (n > 0) {
                pipe->start = 0;
                pipe->end = (size_t)n;
                if (pipe->keys && keys_look(pipe->keys, pipe->data, &pipe->end)) {
                        event_exit(pipe->loop, 1);
                }
                pipe->last = pipe->data[n - 1];
                return 1;
        }
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* Writes as much as possible. On an error the rest is dropped. */
static void flush(struct pipe *pipe)
{
        while (pending(pipe)) {
                ssize_t n = write(pipe->to, pipe->data + pipe->start, pending(pipe));

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n < 0 && errno == EAGAIN) {
                        return;
                }
                if (n < 0) {
                        pipe->start = pipe->end;
                        stop_reading(pipe);
                        return;
                }
                pipe->start += (size_t)n;
        }
}

static void move_on(struct pipe *pipe)
{
        if (fill(pipe) < 0) {
                stop_reading(pipe);
                if (pipe->is_input) {
                        type_end(pipe);
                }
        }
        flush(pipe);
        arm(pipe);
}

static int on_readable(struct event_source *source, int fd, uint32_t events, void *data)
{
        move_on(data);
        return 0;
}

static int on_writable(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct pipe *pipe = data;

        if (pipe->always_readable) {
                move_on(pipe);
                return 0;
        }
        flush(pipe);
        arm(pipe);
        return 0;
}

static int start_pipe(struct event_loop *loop, struct pipe *pipe, int from, int to)
{
        int r;

        pipe->from = from;
        pipe->last = '\n';
        pipe->to = fcntl(to, F_DUPFD_CLOEXEC, 3);
        if (pipe->to < 0) {
                return -errno;
        }
        r = event_add_fd(loop, from, EPOLLIN, on_readable, pipe, &pipe->reader);
        /* EPERM: epoll does not support regular files, which never block. */
        if (r == -EPERM) {
                pipe->always_readable = true;
                r = 0;
        }
        if (r == 0) {
                r = event_add_fd(loop, pipe->to, pipe->always_readable ? EPOLLOUT : 0, on_writable,
                                 pipe, &pipe->writer);
        }
        return r == -EPERM ? 0 : r;
}

void terminal_resize(struct terminal *terminal)
{
        struct winsize size;

        if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 ||
            ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
                (void)ioctl(terminal->master, TIOCSWINSZ, &size);
        }
}

static int enter_raw_mode(struct terminal *terminal)
{
        struct termios raw;

        if (tcgetattr(STDIN_FILENO, &terminal->saved) < 0) {
                return errno == ENOTTY ? 0 : -errno;
        }
        raw = terminal->saved;
        cfmakeraw(&raw);
        if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0) {
                return -errno;
        }
        terminal->raw = true;
        return 0;
}

/* Output comes from the master or another descriptor. */
static int connect_both(struct event_loop *loop, int master, int output, struct keys *keys,
                        struct terminal **ret, struct machine_error *error)
{
        _cleanup_terminal_ struct terminal *terminal = calloc(1, sizeof *terminal);
        int r;

        if (!terminal) {
                return error_oom(error);
        }
        terminal->master = master;
        terminal->input.to = terminal->output.to = -EBADF;
        terminal->input.is_input = !keys;
        terminal->input.keys = keys;
        terminal->input.loop = loop;
        /* Only the master is non-blocking: O_NONBLOCK on standard input or output would affect all
         * processes that share them. */
        if (fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
                return error_set(error, errno, "cannot prepare the terminal of the machine");
        }
        terminal_resize(terminal);
        r = enter_raw_mode(terminal);
        if (r == 0) {
                r = start_pipe(loop, &terminal->output, output, STDOUT_FILENO);
        }
        if (r == 0) {
                r = start_pipe(loop, &terminal->input, STDIN_FILENO, master);
        }
        if (r < 0) {
                return error_set(error, r, "cannot connect to the terminal of the machine");
        }
        *ret = TAKE_PTR(terminal);
        return 0;
}

int terminal_join(struct event_loop *loop, int master, struct terminal **ret,
                  struct machine_error *error)
{
        return connect_both(loop, master, master, NULL, ret, error);
}

int terminal_attach(struct event_loop *loop, int master, int output, struct keys *keys,
                    struct terminal **ret, struct machine_error *error)
{
        return connect_both(loop, master, output, keys, ret, error);
}

void terminal_drain(struct terminal *terminal)
{
        /* The slave is closed: read the rest until EIO. */
        do {
                struct pipe *output = &terminal->output;

                (void)file_write_all(output->to, output->data + output->start, pending(output));
                output->start = output->end;
        } while (fill(&terminal->output) > 0);
}

void terminal_free(struct terminal *terminal)
{
        if (!terminal) {
                return;
        }
        if (terminal->raw) {
                (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->saved);
        }
        event_remove(terminal->input.reader);
        event_remove(terminal->input.writer);
        event_remove(terminal->output.reader);
        event_remove(terminal->output.writer);
        fd_close(terminal->input.to);
        fd_close(terminal->output.to);
        free(terminal);
}

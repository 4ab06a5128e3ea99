/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/process/event.h"
#include "launch/init/message.h"
#include "supervise/output/terminal.h"

struct attachment {
        struct event_loop *loop;
        struct terminal *terminal;
};

/* Returns -ENOENT or -ECONNREFUSED if nobody listens. */
static int connect_to(const struct state_store *store, const char *name)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int n = snprintf(address.sun_path, sizeof address.sun_path,
                         "/proc/self/fd/%d/%s" STATE_ATTACH_SUFFIX, store->directory_fd, name);

        if (n < 0 || (size_t)n >= sizeof address.sun_path) {
                return -ENAMETOOLONG;
        }
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
                return -errno;
        }
        return TAKE_FD(fd);
}

/* The supervisor sends the terminal at once, or closes the connection of one too many. */
static int receive_terminal(int fd, struct machine_error *error)
{
        struct message message = { .fd = -EBADF };
        int r = message_receive(fd, &message);

        if (r <= 0 || message.type != MESSAGE_TERMINAL || message.fd < 0) {
                return r < 0 ? error_set(error, r, "cannot get the terminal of the machine")
                             : error_say(error, EBUSY,
                                         "too many are attached to the machine already");
        }
        return message.fd;
}

static int on_signal(struct event_source *source, const struct signalfd_siginfo *info, void *data)
{
        const struct attachment *attachment = data;

        if (info->ssi_signo == SIGWINCH) {
                terminal_resize(attachment->terminal);
        } else {
                event_exit(attachment->loop, 128 + (int)info->ssi_signo);
        }
        return 0;
}

/* A second descriptor of the connection, because a loop takes each only once. */
static int on_hangup(struct event_source *source, int fd, uint32_t events, void *data)
{
        const struct attachment *attachment = data;

        terminal_drain(attachment->terminal);
        event_exit(attachment->loop, ATTACH_ENDED);
        return 0;
}

static int watch(struct attachment *attachment, int ended)
{
        static const int signals[] = { SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT };
        sigset_t set;
        int r;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
                sigaddset(&set, signals[i]);
        }
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        r = event_add_signals(attachment->loop, &set, on_signal, attachment, NULL);
        return r < 0 ? r
                     : event_add_fd(attachment->loop, ended, EPOLLRDHUP, on_hangup, attachment,
                                    NULL);
}

static int stay(int connection, int master, struct keys *keys, struct machine_error *error)
{
        _cleanup_event_loop_ struct event_loop *loop = NULL;
        _cleanup_terminal_ struct terminal *terminal = NULL;
        _cleanup_close_ int ended = fcntl(connection, F_DUPFD_CLOEXEC, 3);
        struct attachment attachment = { 0 };
        int r = ended < 0 ? -errno : event_loop_new(&loop);

        attachment.loop = loop;
        if (r == 0) {
                r = watch(&attachment, ended);
        }
        if (r == 0) {
                r = fcntl(connection, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ? -errno : 0;
        }
        if (r < 0) {
                return error_set(error, r, "cannot watch the terminal of the machine");
        }
        r = terminal_attach(loop, master, connection, keys, &terminal, error);
        attachment.terminal = terminal;
        return r < 0 ? r : event_run(loop);
}

int attach_to_terminal(const struct state_store *store, const char *name, struct keys *keys,
                       struct machine_error *error)
{
        _cleanup_close_ int connection = connect_to(store, name), master = -EBADF;

        if (connection == -ENOENT || connection == -ECONNREFUSED) {
                return -ENOENT;
        }
        if (connection < 0) {
                return error_set(error, connection, "cannot attach to machine \"%s\"", name);
        }
        master = receive_terminal(connection, error);
        return master < 0 ? master : stay(connection, master, keys, error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_MESSAGE_H
#define LAUNCH_INIT_MESSAGE_H

#include <stdint.h>

#include <machine/error.h>

/**
 * Messages between the two sides of a start, over a SOCK_SEQPACKET socket pair: one message is one
 * packet. The machine's end is close-on-exec; when it closes after MESSAGE_READY the payload's
 * execve(2) has succeeded, when it closes before, the machine's first process has died.
 */
enum message_type {
        MESSAGE_PROCEED,   /* parent: all of the parent's steps are done, the payload may start */
        MESSAGE_TERMINAL,  /* child: carries the master side of the machine's pseudo-terminal */
        MESSAGE_PLAN,      /* child: carries the payload's plan, for programs that join it later */
        MESSAGE_COMPANION, /* child: carries a pidfd of machine-init beside a program that joins */
        MESSAGE_PROCESS,   /* companion: carries a pidfd of the payload, whose execve(2) is over */
        MESSAGE_ENDED,     /* companion: the payload has ended, with this exit status */
        MESSAGE_READY,     /* child: everything is set up, execve(2) follows */
        MESSAGE_ERROR,     /* child: a step failed; kind, number, step, message and hint */
        MESSAGE_WARNING,   /* supervisor: what its start warns of; only the message */
        MESSAGE_ROOT,      /* child of a restore: carries the machine's mounts as one tree */
};

/** A message as received. The receiver owns the error's strings and the descriptor. */
struct message {
        enum message_type type;
        int fd;                     /* of _TERMINAL, _PLAN, _PROCESS and _ROOT, else -EBADF */
        int status;                 /* of MESSAGE_ENDED */
        struct machine_error error; /* of MESSAGE_ERROR and MESSAGE_WARNING */
};

/** Creates a pair of connected, close-on-exec sockets: ends[0] for the parent, ends[1] for the
 * child. */
int message_socket_pair(int ends[static 2]);

/** Sends a message without content. 0 or -errno; a dead peer is -EPIPE and no signal. */
int message_send(int socket, enum message_type type);

/** Sends a descriptor along with a message; it stays the caller's. 0 or -errno. */
int message_send_fd(int socket, enum message_type type, int fd);

/** Sends MESSAGE_ENDED with an exit status. 0 or -errno. */
int message_send_ended(int socket, int status);

/** Sends an error; texts too long for a packet are cut. 0 or -errno. */
int message_send_error(int socket, const struct machine_error *error);

/** Sends a warning; a text too long for a packet is cut. 0 or -errno. */
int message_send_warning(int socket, const char *text);

/** Waits for a message. 1, 0 if the peer has closed its end, or -errno (-EBADMSG: malformed). */
int message_receive(int socket, struct message *ret);

#endif

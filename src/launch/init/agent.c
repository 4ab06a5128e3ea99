/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

/* Only the program that is started by a container has the connection: its agent must answer. */
static int without_agent(struct machine_error *error)
{
        error_say(error, EOPNOTSUPP,
                  "the profile of system calls has SCMP_ACT_NOTIFY, whose agent answers only the "
                  "container's first process");
        error_hint(error, "programs that join such a container are not supported");
        return -EOPNOTSUPP;
}

/* The descriptor goes with the first byte, and only once. */
static ssize_t send_part(int agent, const char *text, size_t length, const int *listener)
{
        struct iovec part = { (void *)text, length };
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

        if (listener) {
                message.msg_control = &control;
                message.msg_controllen = sizeof control;
                control.header = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(int)),
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS,
                };
                memcpy(CMSG_DATA(&control.header), listener, sizeof *listener);
        }
        return sendmsg(agent, &message, MSG_NOSIGNAL);
}

int agent_tell(const struct init_plan *plan, int agent, int listener, struct machine_error *error)
{
        size_t length = strlen(plan->agent_state), sent = 0;

        if (agent < 0 || length == 0) {
                return without_agent(error);
        }
        while (sent < length) {
                ssize_t n = send_part(agent, plan->agent_state + sent, length - sent,
                                      sent == 0 ? &listener : NULL);

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n < 0) {
                        return error_set(error, errno,
                                         "linux.seccomp.listenerPath: cannot send the descriptor "
                                         "to the agent");
                }
                sent += (size_t)n;
        }
        return 0;
}

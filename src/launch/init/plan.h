/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_PLAN_H
#define LAUNCH_INIT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>

#include "security/become.h"
#include "security/label.h"
#include "security/resources.h"
#include "security/seccomp.h"

/* machine-init is entered with these descriptors beside 0, 1 and 2, and closes all others. */
#define INIT_SOCKET_FD 3 /* to the parent, see launch/message.h */
#define INIT_PLAN_FD   4

/** No plan is longer: arguments and environment are bounded by what execve(2) takes. */
#define PLAN_MAXIMUM (UINT64_C(64) << 20)

/** What machine-init does beside the payload. The numbers are kept with machines that run. */
enum init_role {
        INIT_ROLE_PAYLOAD,   /* nothing: it becomes the payload */
        INIT_ROLE_STUB,      /* stays as PID 1 and runs the payload as a child */
        INIT_ROLE_SYSTEM,    /* becomes the payload, which is a PID 1 that reaps orphans itself */
        INIT_ROLE_COMPANION, /* stays with a program that joins a machine, to reap it and to tell */
};

/** All that machine-init needs to know to run the payload. */
struct init_plan {
        enum init_role role;
        bool terminal; /* descriptor 0 becomes the payload's controlling terminal */
        struct security_identity identity;
        struct seccomp_program program;
        struct resource_settings resources;
        char **arguments; /* the first is looked up in PATH of the environment */
        char **environment;
        char *working_directory; /* absolute path in the machine */
        struct security_label label;
        void *storage; /* of a plan that was read: what the rest points into */
};

/** Writes a plan into a sealed memfd, which *ret_fd then is. 0 or -errno. */
int init_plan_write(const struct init_plan *plan, int *ret_fd, struct machine_error *error);

/**
 * Reads a plan back. Everything in *ret is owned by it; a process that goes on without the plan
 * frees it with init_plan_clear(). -EBADMSG where the descriptor holds something else.
 */
int init_plan_read(int fd, struct init_plan *ret);

/** Frees a plan that was read, as it was read. An empty one is fine. */
void init_plan_clear(struct init_plan *plan);

#endif

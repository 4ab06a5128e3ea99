/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_PLAN_H
#define LAUNCH_INIT_PLAN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>

#include "security/become.h"
#include "security/ids/id_map.h"
#include "security/label.h"
#include "security/resources.h"
#include "security/seccomp/program.h"

/* machine-init is executed with these descriptors in addition to 0, 1 and 2, and closes all others.
 */
#define INIT_SOCKET_FD 3 /* to the parent, see launch/init/message.h */
#define INIT_PLAN_FD   4
/* Of a program that joins: pidfd of the machine's first process. Of a first process that waits: the
 * socket that it waits on. */
#define INIT_MACHINE_FD 5
/* Of a companion: cgroup.kill of the program's own control group. It may be missing. */
#define INIT_GROUP_FD 6
/* Of a stub: an eventfd(2) that it sets to the payload's exit status plus 1, for a parent that does
 * not wait for the end of the pid namespace. It may be missing. */
#define INIT_STATUS_FD 6
/* Of a waiting one: connected to the agent that answers system calls with SCMP_ACT_NOTIFY. It may
 * be missing. */
#define INIT_AGENT_FD 6
/* The first of those that the payload keeps. */
#define INIT_PRESERVED_FD 7

/* Requests a companion to end all processes of its program together with it. */
#define INIT_WHOLE_SIGNAL SIGTERM

/* Requests a stub to execute machine-init: a signal that is queued with this value, from outside of
 * the machine. The program is mounted there for that moment, over a file of /run/host that nothing
 * uses by its name. */
#define INIT_EXECUTE_SIGNAL 63
#define INIT_EXECUTE_VALUE  0x65786563
#define INIT_STUB_PROGRAM   "/run/host/inaccessible/reg"
#define INIT_STUB_ARGUMENT  "stub"

/** The maximum size of a plan: execve(2) limits arguments and environment. */
#define PLAN_MAXIMUM (UINT64_C(64) << 20)

/** The role of machine-init. The numbers are saved with running machines. */
enum init_role {
        INIT_ROLE_PAYLOAD,   /* nothing: it becomes the payload */
        INIT_ROLE_STUB,      /* stays as PID 1 and runs the payload as a child */
        INIT_ROLE_SYSTEM,    /* becomes the payload, which is a PID 1 that reaps orphans itself */
        INIT_ROLE_COMPANION, /* stays with a program that joins a machine, to reap it and report its
                                end */
        INIT_ROLE_REHEARSAL, /* becomes the payload, and is stopped before its first instruction */
        INIT_ROLE_WAITING,   /* becomes the payload of a container once somebody starts it */
        INIT_ROLE_ENTRANT,   /* joins a machine and becomes a program in it, which is left alone */
};

/** Whether the role is that of a process which joins a running machine. */
static inline bool init_role_joins(enum init_role role)
{
        return role == INIT_ROLE_COMPANION || role == INIT_ROLE_ENTRANT;
}

/** How a process that joins enters its machine. */
struct init_join {
        uint64_t namespaces;   /* CLONE_NEW* of those to join */
        bool init_reaps;       /* PID 1 of the machine reaps orphans */
        struct id_range range; /* of the machine's ids, which must include the user's */
        char *user;            /* looked up there, replaces the plan's identity; NULL: keep that */
};

/** Everything that machine-init needs to run the payload. */
struct init_plan {
        enum init_role role;
        bool terminal; /* descriptor 0 becomes the payload's controlling terminal */
        struct security_identity identity;
        struct seccomp_program program;
        struct resource_settings resources;
        char **arguments; /* the first is looked up in PATH of the environment; of a waiting one
                             there may be none */
        char **environment;
        char *working_directory; /* absolute path in the machine; "": home of the join's user */
        bool directory_is_home;  /* not requested explicitly: if it cannot be entered, use "/" */
        struct security_label label;
        struct init_join join;
        bool keep_keyring;      /* of an entrant: the caller's session keyring */
        unsigned int preserved; /* descriptors from INIT_PRESERVED_FD on that become 3, 4, .. */
        char **hooks;      /* of a waiting one: run before the payload, see launch/init/start.h */
        char *start_state; /* their input, up to its pid */
        char *agent_state; /* of a waiting one: what the agent is sent, or "" */
        void *storage;     /* of a plan that was read: backs the other members */
};

/** Writes a plan to a sealed memfd, returned in *ret_fd. 0 or -errno. */
int init_plan_write(const struct init_plan *plan, int *ret_fd, struct machine_error *error);

/**
 * Reads a plan. *ret owns everything in it and is freed with init_plan_clear(). 0 or -errno;
 * -EBADMSG if the descriptor does not contain a plan, or one of another version, which the error
 * names.
 */
int init_plan_read(int fd, struct init_plan *ret, struct machine_error *error);

/** Frees a plan that was read, as it was read. An empty one is fine. */
void init_plan_clear(struct init_plan *plan);

#endif

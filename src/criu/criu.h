/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CRIU_CRIU_H
#define CRIU_CRIU_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

/**
 * CRIU, a program of its own (criu.org), which writes processes to files and makes them again from
 * these. It is run as `criu swrk`, and told what to do over a socket; nothing of it is linked. It
 * may fail, hang or die at any moment: every wait has an end.
 */

/** A descriptor for what an image knows by a name: "pipe:[123]". */
struct criu_inherited {
        const char *key;
        int fd;
};

#define CRIU_INHERITED_MAXIMUM 8

/** How CRIU is started. */
struct criu_start {
        int group; /* of a control group's directory, which it enters; -EBADF: the caller's */
        bool own_group_root; /* that is the root of a cgroup namespace of its own */
        struct criu_inherited inherited[CRIU_INHERITED_MAXIMUM]; /* up to one without a key */
};

/** A CRIU that runs. */
struct criu {
        int socket;
        pid_t pid;         /* 0: none */
        uint64_t deadline; /* CLOCK_MONOTONIC, in microseconds */
};

#define CRIU_INIT                          \
        {                                  \
                .socket = -EBADF, .pid = 0 \
        }

enum criu_action {
        CRIU_DUMP = 1,
        CRIU_RESTORE = 2,
};

/** What it is asked to do. All is borrowed. */
struct criu_request {
        enum criu_action action;
        const char *images;    /* directory of its files, and of its log */
        const char *log;       /* name of that */
        pid_t pid;             /* of the first process, for a dump */
        const char *root;      /* for a restore: where the root is mounted */
        const char *freeze;    /* for a dump: the control group to freeze, or NULL */
        char *const *external; /* what it finds outside: "mnt[/dev]:dev" */
        bool leave_running;    /* .. after a dump, otherwise stopped as by SIGSTOP */
        bool empty_network;    /* the network namespace is left to the caller */
        bool tcp_established, tcp_close, file_locks, external_sockets;
};

/** What it says: that it has come to a point, or to the end. */
struct criu_answer {
        bool finished;
        char point[32]; /* "post-dump"; "" at the end */
        pid_t pid;      /* of the restored first process */
};

/** The least version that works, and where it comes from. */
#define CRIU_LEAST "4.1"

/** Checks that there is a CRIU that works with this kernel. 0, or -ENOENT or -EOPNOTSUPP with an
 * error and its mending. *ret_version (may be NULL) is "4.1.1"; the caller frees it. */
int criu_check(char **ret_version, struct machine_error *error);

/** Starts it; everything it does ends before `timeout` microseconds have passed. 0 or -errno with
 * error set. */
int criu_begin(const struct criu_start *start, uint64_t timeout, struct criu *ret,
               struct machine_error *error);

/** Asks the one that was started like this for something, and waits for its first answer. 0 or
 * -errno with error set. */
int criu_ask(struct criu *criu, const struct criu_start *start, const struct criu_request *request,
             struct criu_answer *ret, struct machine_error *error);

/** Lets it go on from the point that it has come to, or fail there, and waits for the next answer.
 * 0 or -errno with error set. */
int criu_proceed(struct criu *criu, const struct criu_request *request, bool success,
                 struct criu_answer *ret, struct machine_error *error);

/** Ends it, by force if it still runs. */
void criu_end(struct criu *criu);

/** Checks of a directory of images that it holds processes with namespaces of their own, and gives
 * their user namespace the caller's maps. Nobody vouches for the images. 0 or -errno with error
 * set; without ids (count 0) there must be no user namespace. */
int criu_adopt_images(const char *directory, uint32_t base, uint32_t count,
                      struct machine_error *error);

#endif

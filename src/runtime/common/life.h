/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_LIFE_H
#define RUNTIME_COMMON_LIFE_H

#include "runtime/common/container.h"

/** What is left to its creator of a container that he runs. */
struct created {
        int pidfd;    /* of the first process, his child */
        int terminal; /* the master side; -EBADF without one, or if it went to a console socket */
        bool started; /* nothing is to be done between creation and start, which is over as well */
};

/** Creates a container from a bundle by the options of `create`. Its first process waits for
 * life_start(). For `run` *ret is filled, and that may be unnecessary; NULL: for `create`. 0 or
 * -errno with error set; only a start that failed leaves a container. */
int life_create(const struct runtime *runtime, const struct arguments *arguments,
                struct created *ret, struct machine_error *error);

/** Lets a container run that was created. If the caller's service manager wants to know when it is
 * ready, this waits until then, or with ret_notify returns the socket on which the container says
 * so, or -EBADF. 0 or -errno with error set. */
int life_start(const struct runtime *runtime, const char *id, int *ret_notify,
               struct machine_error *error);

/** Removes a container; with force it is ended first, and -ENOENT is no error. 0 or -errno with
 * error set. */
int life_delete(const struct runtime *runtime, const char *id, bool force,
                struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_COPY_SIDES_H
#define LAUNCH_ENTER_COPY_SIDES_H

#include "launch/enter/copy.h"

/** The two processes of a copy. */
struct copy_sides {
        const struct copy_request *request;
        int host_root;         /* the caller's "/" */
        const char *host_path; /* absolute */
        /** Makes the calling process root of the machine, without other rights. Returns the
         * machine's root directory (borrowed), or -errno with an error. */
        int (*enter_machine)(void *data, struct machine_error *error);
        void *data;
};

/** Makes the request's path on the host absolute, before the working directory changes. The caller
 * frees *ret. Returns 0 or -errno with an error. */
int copy_host_path(const struct copy_request *request, char **ret, struct machine_error *error);

/** Assumes the ids of the machine's root in its user namespace (a descriptor for setns(2), or
 * -EBADF: none). Returns 0, or -errno without an error. */
int copy_become_root(int user_namespace);

/** Copies. Errors as for launch_copy(). */
int copy_between(const struct copy_sides *sides, struct machine_error *error);

#endif

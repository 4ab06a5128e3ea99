/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_RIGHTS_HELPER_H
#define BASE_RIGHTS_HELPER_H

#include <sys/types.h>

/** A program of the package uidmap that is running. */
struct helper {
        pid_t pid;
        int output; /* what it writes, on either stream */
};

#define HELPER_INIT                        \
        {                                  \
                .pid = 0, .output = -EBADF \
        }

/** Finds a program in the directories where distributions install it; PATH does not count. NULL if
 * it is missing. */
const char *helper_find(const char *name);

/**
 * Starts a program with an empty environment. It begins when the caller closes its write end
 * of the pipe `go`; NULL: at once. Returns 0 or -errno.
 */
int helper_start(const char *path, char *const *arguments, const int *go, struct helper *ret);

/** Waits for a program. *ret_text is its output, without the final newline; the caller frees it.
 * Returns its exit status or -errno. */
int helper_wait(struct helper *helper, char **ret_text);

#endif

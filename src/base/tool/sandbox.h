/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TOOL_SANDBOX_H
#define BASE_TOOL_SANDBOX_H

#include <errno.h>

#include "base/tool/tool.h"

/** The nodes of /dev: veritysetup does not start without the generators of random numbers. */
#define TOOL_DEVICES 3

/** What the root of a sandbox is made of: detached mounts. */
struct tool_mounts {
        int *files; /* as many as the run has files */
        size_t count;
        int usr;
        int devices[TOOL_DEVICES];
};

#define TOOL_MOUNTS_INIT                                             \
        {                                                            \
                .usr = -EBADF, .devices = { -EBADF, -EBADF, -EBADF } \
        }

/** Clones the mounts, in the caller's mount namespace. Returns 0, or -errno with error set; the
 * caller clears *ret with tool_mounts_clear() in any case. */
int tool_mounts_open(const struct tool_run *run, struct tool_mounts *ret,
                     struct machine_error *error);

void tool_mounts_clear(struct tool_mounts *mounts);

/** Makes the root of the calling process, which is alone in new namespaces, of these mounts, and
 * gives up its rights. Returns 0, or -errno; *ret_step says what has failed. */
int tool_confine(const struct tool_run *run, const struct tool_mounts *mounts,
                 const char **ret_step);

#endif

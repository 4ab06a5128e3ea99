/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_COPY_H
#define LAUNCH_ENTER_COPY_H

#include <stdbool.h>

#include "launch/launch.h"
#include "state/record.h"

/**
 * Copies a file, a link or a directory between the host and a machine.
 *
 * Two processes cooperate: one on the host with the caller's rights, and one that is only root of
 * the machine's user namespace, so that no path of the machine leads to anything the machine cannot
 * reach itself. They pass open files to each other.
 *
 * If `to` is a directory, the copy is created in it under its old name; otherwise it is created as
 * `to`. A file or link is replaced, but never a device, a FIFO or a socket, nor a link to one.
 * Links below `from` are copied as links. Copies belong to root of their side, without set-user-ID
 * and set-group-ID bits.
 *
 * An archive also keeps owners, times, modes, hard links and extended attributes. Programs that
 * give rights to anyone who executes them are not copied to directories that users of the host can
 * enter.
 */
struct copy_request {
        bool into_machine;
        bool archive;
        const char *from;
        const char *to;
};

/** For a running or paused machine; init is a pidfd of its first process. Returns 0, or -errno with
 * an error that names the path. Files that were copied before a failure stay. */
int launch_copy(const struct copy_request *request, const struct machine_record *record, int init,
                struct machine_error *error);

/**
 * For a stopped machine: its root is created as for a start, with `mounts` and volumes, but without
 * processes. Holds the machine's lock and directories during the copy, as a start does. Reads what
 * a start would see, without changing it. Writes to the machine's persistent layer: -EROFS if it
 * has none, -EALREADY if the machine is running. The caller must not use machine afterwards. Errors
 * as above.
 */
int launch_copy_stopped(const struct copy_request *request, struct machine *machine,
                        const struct launch_options *options, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_CHECKPOINT_PROGRAM_H
#define LAUNCH_CHECKPOINT_PROGRAM_H

#include <sys/types.h>

/** Nobody may read it, see program_copy(). */
#define CHECKPOINT_PROGRAM_MODE 0111

/**
 * Copies machine-init to a file system of its own, which is mounted over `place`. Without a right
 * to read a program, and a stub has no capability to do so nevertheless, the kernel keeps others
 * from a process that executes it from its first instruction on (would_dump()). The file belongs to
 * the machine's root, so that root of the machine's user namespace, as which CRIU does part of its
 * work, still gets at the process with CAP_SYS_PTRACE. Returns a read-only mount of the file, or
 * -errno.
 */
int program_copy(const char *source, uid_t owner, mode_t mode, int place);

#endif

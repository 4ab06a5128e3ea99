/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TREE_TREE_H
#define BASE_TREE_TREE_H

#include <stdint.h>

#include <machine/error.h>

/*
 * Directory trees. No function crosses a mount, not even a bind mount of the same file system: what
 * is mounted in a tree belongs to someone else. parent_fd is a directory or AT_FDCWD, name a path
 * without "..", of which only the last component belongs to the tree. A missing tree counts as
 * empty.
 */

/**
 * Checks that nothing is mounted on the tree or in it, as visible to the caller. Returns 0, -EXDEV
 * with an error that names the mount point, or another -errno.
 */
int tree_check_mounts(int parent_fd, const char *name, struct machine_error *error);

/**
 * Removes a file or a directory tree of any depth, without following links. If something is mounted
 * in it, nothing is removed: -EXDEV as above. The error names what could not be removed.
 */
int tree_remove(int parent_fd, const char *name, struct machine_error *error);

/** The same without reading /proc/self/mountinfo, for a caller in a mount namespace of its own
 * without /proc: stops at the first mount it meets. */
int tree_remove_confined(int parent_fd, const char *name, struct machine_error *error);

/** Adds up the disk usage of a directory tree in bytes; that of a file with several hard links is
 * divided among them. Returns 0 or -errno. */
int tree_measure(int parent_fd, const char *name, uint64_t *ret_bytes);

#endif

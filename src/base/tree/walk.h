/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TREE_WALK_H
#define BASE_TREE_WALK_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/error.h>

/** The maximum depth of a walk: -ELOOP beyond. Paths of a layer are at most half as deep. */
#define WALK_DEPTH_MAX 512

/**
 * Called for each file with its open parent directory, its name in it, and its path from the root.
 * The root itself comes first, with name and path "". Returns 0 to continue, 1 to skip the content
 * of a directory, or a negative errno, which ends the walk.
 */
typedef int (*walk_visit)(int directory_fd, const char *name, const char *path, void *data);

/** Walks a directory tree without following links. sorted: in byte order of the names. A mount
 * inside it ends the walk: -EXDEV with an error that names it; other failures set no error. Returns
 * 0 or -errno. */
int walk_tree(int root_fd, bool sorted, walk_visit visit, void *data, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_WALK_H
#define IMAGE_WALK_H

#include <stdbool.h>
#include <sys/types.h>

/** A tree is walked so deep and no deeper: -ELOOP. Paths of a layer are no deeper than half. */
#define WALK_DEPTH_MAX 512

/**
 * What is called with each file: the open directory that holds it, its name in it, and its path
 * from the root. The root itself comes first, with the name "" and the path "". Returns 0 to go on,
 * 1 not to enter a directory, or a negative errno, which ends the walk.
 */
typedef int (*walk_visit)(int directory_fd, const char *name, const char *path, void *data);

/** Walks a directory and all below it, following no link. sorted: in the order of names' bytes.
 *  0 or -errno. */
int walk_tree(int root_fd, bool sorted, walk_visit visit, void *data);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TREE_TREE_COPY_H
#define BASE_TREE_TREE_COPY_H

#include <machine/error.h>

/**
 * Copies a directory tree to a new name, which must not exist, with owners, modes, times, all
 * extended attributes, links, hard links, devices and holes; blocks are shared where the file
 * system can. No link is followed, sockets are left out, and nothing mounted in the tree is copied:
 * -EXDEV with an error that names it. What a failure leaves is the caller's to remove. Returns 0 or
 * -errno with an error that names the file.
 */
int tree_copy(int from_parent, const char *from, int to_parent, const char *to,
              struct machine_error *error);

#endif

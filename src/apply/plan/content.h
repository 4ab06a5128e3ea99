/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_PLAN_CONTENT_H
#define APPLY_PLAN_CONTENT_H

/** Compares a file or a directory of two trees: names, types, modes and contents. Returns 1 if they
 * are equal, 0 if not or if one is missing, or -errno. */
int content_is_equal(const char *tree_a, const char *tree_b, const char *path);

#endif

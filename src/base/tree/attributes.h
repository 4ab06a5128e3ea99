/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TREE_ATTRIBUTES_H
#define BASE_TREE_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The extended attributes of a file that a copy of it keeps: the user's own, access control lists
 * and capabilities of programs (xattr(7)). Labels of security modules belong to their place, and
 * trusted attributes to the file system below. The kernel gives ids in them as the caller's user
 * namespace has them.
 */

/** Of an open file or directory, as bytes for attributes_set(). *ret is NULL if there are none; the
 *  caller frees it. 0, -E2BIG or another -errno. */
int attributes_get(int fd, char **ret, size_t *ret_length);

/** Gives them to an open file or directory. *ret_name (may be NULL) is the attribute that failed,
 *  and points into the bytes. -EOPNOTSUPP if the file system has no such attributes: the others
 *  are set nevertheless. -EBADMSG if the bytes are damaged. 0 or another -errno. */
int attributes_set(int fd, const char *bytes, size_t length, const char **ret_name);

/** Whether the bytes give a program capabilities. */
bool attributes_have_capabilities(const char *bytes, size_t length);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TREE_H
#define BASE_TREE_H

/**
 * Removes a directory and all below it, however deep, following no link and leaving what is mounted
 * in it. For directories that only root can write: it changes the working directory on its way and
 * back. A missing one is fine. 0 or -errno; *ret_path, when not NULL, is what could not be removed
 * (the caller frees it).
 */
int tree_remove(const char *path, char **ret_path);

#endif

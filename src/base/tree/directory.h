/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TREE_DIRECTORY_H
#define BASE_TREE_DIRECTORY_H

#include <dirent.h>

/** Opens a directory for directory_next() at its beginning, from any kind of descriptor (even
 * O_PATH), which stays open. Close *ret with closedir(3). Returns 0 or -errno. */
int directory_open(int directory_fd, DIR **ret);

/** The same by its path, following links. */
int directory_open_at(int directory_fd, const char *path, DIR **ret);

/** Returns the next entry except "." and "..", valid until the next call, or NULL: at the end, or
 * for a NULL directory, with errno 0, after a failure with its errno. */
const struct dirent *directory_next(DIR *directory);

/** Lists the entries of a directory that end with the suffix and have a name before it, sorted and
 * without the suffix. Hidden files are left out. Free *ret with strv_free(). Returns 0 or -errno.
 */
int directory_list(int directory_fd, const char *path, const char *suffix, char ***ret);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

/* Paths, and the one way into a machine's root: openat2(2) with RESOLVE_IN_ROOT, under which "..",
 * absolute links and magic links of the root cannot lead out of it (Linux 5.6). */

/** "a/b" from "a" and "b"; an absolute second path wins. NULL when memory is short. */
char *path_join(const char *directory, const char *path);

/** Makes an absolute path plain without looking at the file system: "//", "/./" and a slash at the
 * end go, ".." is refused with -EINVAL, so is a path that is not absolute. 0, -EINVAL or -ENOMEM.
 */
int path_normalize(const char *path, char **ret);

/** Whether the absolute path is the directory itself or lies below it (by text). */
bool path_is_below(const char *path, const char *directory);

/** Whether the text can be one component of a path: not empty, ".", "..", no slash, at most
 * NAME_MAX. */
bool path_is_component(const char *name);

/**
 * Opens a path inside the root that root_fd is. Links are resolved inside the root; magic links
 * are refused (-ELOOP). O_CLOEXEC and O_NOCTTY are added. Returns a descriptor or -errno; -EAGAIN
 * of a concurrent rename has been retried.
 */
int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/** The same and no component may be a symbolic link either (-ELOOP). */
int path_open_no_links(int root_fd, const char *path, int flags, mode_t mode);

/** The same and nothing may be mounted on any component (-EXDEV): what is opened belongs to the
 *  mount that root_fd is of. */
int path_open_no_mounts(int root_fd, const char *path, int flags, mode_t mode);

/**
 * Makes a directory inside the root, and what is missing above it, with the mode and the owner,
 * following links only inside the root. Returns an O_PATH descriptor of it, or -errno.
 */
int path_make_directory_in_root(int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid);

/** Opens the directory that holds the last component of path inside the root; *ret_name points
 *  into path. -EINVAL for a path without a last component. A descriptor or -errno. */
int path_open_parent_in_root(int root_fd, const char *path, const char **ret_name);

#endif

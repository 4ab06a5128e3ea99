/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

/* Paths, and the only way into a machine's root: openat2(2) with RESOLVE_IN_ROOT, which keeps "..",
 * absolute links and magic links within the root (Linux 5.6). */

/** "a/b" from "a" and "b"; returns b if it is absolute. NULL if out of memory. */
char *path_join(const char *directory, const char *path);

/** Normalizes an absolute path without looking at the file system: removes "//", "/./" and a
 * trailing slash. -EINVAL for ".." and for relative paths. Returns 0, -EINVAL or -ENOMEM. */
int path_normalize(const char *path, char **ret);

/** Whether the absolute path is the directory itself or below it (textually). */
bool path_is_below(const char *path, const char *directory);

/** Whether the text is valid as a component of a path: not empty, ".", "..", no slash, at most
 * NAME_MAX. */
bool path_is_component(const char *name);

/**
 * Opens a path inside the root root_fd. Links are resolved inside the root; magic links are refused
 * (-ELOOP). Adds O_CLOEXEC and O_NOCTTY. Returns a descriptor or -errno; retries -EAGAIN of a
 * concurrent rename.
 */
int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/** The same, but no component may be a symbolic link (-ELOOP). */
int path_open_no_links(int root_fd, const char *path, int flags, mode_t mode);

/** The same, and nothing may be mounted on any component (-EXDEV): the file is on the mount of
 * root_fd. */
int path_open_no_mounts(int root_fd, const char *path, int flags, mode_t mode);

/** Opens a path below the root with O_PATH, following links: -EXDEV if it leaves the root, as an
 * absolute link does. Returns a descriptor or -errno. */
int path_open_beneath(int root_fd, const char *path);

/**
 * Creates a directory inside the root, and its missing parents, with the mode and the owner,
 * following links only inside the root. Returns an O_PATH descriptor of it, or -errno.
 */
int path_make_directory_in_root(int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid);

/** Gets the kernel's path of an open descriptor. Returns 0 or -errno (it needs /proc); the caller
 * frees *ret. */
int path_of_descriptor(int fd, char **ret);

/** Opens the parent directory of the path inside the root; *ret_name is the last component, within
 * path. -EINVAL if path has none. Returns a descriptor or -errno. */
int path_open_parent_in_root(int root_fd, const char *path, const char **ret_name);

#endif

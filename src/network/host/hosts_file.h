/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_HOSTS_FILE_H
#define NETWORK_HOST_HOSTS_FILE_H

#include <stdbool.h>

/*
 * A hosts(5) file that machines have open: it keeps its inode, and a reader always sees whole
 * lines. It has a head, a line that ends it, and lines of machines.
 */

#define HOSTS_FILE_END_OF_HEAD "# peers\n"

/** Replaces the file by a new one with the head, which includes its last line, and the lines.
 * Returns 0 or -errno. */
int hosts_file_create(int directory_fd, const char *path, const char *head, const char *lines);

/** Appends lines, or puts them before those of all other machines. Returns 0 or -errno. */
int hosts_file_add(int directory_fd, const char *path, const char *lines, bool first);

/** Blanks lines that the file has. Blank lines go when they are more than half of the file. Returns
 * 0, also if the file or the lines do not exist, or -errno. */
int hosts_file_drop(int directory_fd, const char *path, const char *lines);

/** Rewrites the lines, and the head unless it is NULL. -ENOENT if there is no such file. Returns 0
 * or -errno. */
int hosts_file_rewrite(int directory_fd, const char *path, const char *head, const char *lines);

/** Whether a line of a machine in the file, or in a text without a head, has a name. */
bool hosts_file_has(const char *text, const char *name);

/** Reads the lines of machines; the caller frees *ret. Returns 0 or -errno. */
int hosts_file_read(int directory_fd, const char *path, char **ret);

#endif

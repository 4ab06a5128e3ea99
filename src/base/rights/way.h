/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_RIGHTS_WAY_H
#define BASE_RIGHTS_WAY_H

#include <stdbool.h>
#include <sys/stat.h>

/**
 * Whether users of the host can reach files that a machine writes with the host's ids. Root of such
 * a machine creates files of the host's root and may set their set-user-ID bit (chmod(2) only
 * requires the owner): a user who executes one becomes root of the host. A directory above that
 * only root may search prevents this; the directory itself does not count, as the machine can
 * change its mode. Neither does it matter on a file system mounted nosuid on the host.
 *
 * For machines of a user the same holds for him: others would execute programs with his rights.
 */

/** For an open directory (may be O_PATH). `inclusive`: the directory itself counts, as files are
 * written in it. Returns 1, 0, or -errno. */
int way_is_open(int directory_fd, bool inclusive);

/** For a path, following links; *ret identifies the checked file, to be compared with the one that
 * is used. Returns 1, 0, or -errno. */
int way_is_open_to(const char *path, struct stat *ret);

/** Whom files belong to that a machine writes with the caller's ids, for messages. */
const char *way_owner(void);

/** How to make a path unreachable, as the beginning of a sentence. NULL if out of memory; the
 * caller frees it. */
char *way_closing(const char *path);

#endif

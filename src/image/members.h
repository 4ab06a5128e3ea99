/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_MEMBERS_H
#define IMAGE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

#include "base/cleanup.h"

/* Which members a plain tar has and where their content stands in the file, so that they are read
 * in any order, without a second pass and without unpacking. */

/** An archive of images has so many members at most; a root file system's list is not kept. */
#define MEMBERS_MAX 20000

struct member {
        char *path;   /* clean, without a slash at the start */
        char *target; /* of a link, clean, from the archive's root; or NULL */
        uint64_t offset;
        uint64_t size;
};

struct members {
        struct member *items;
        size_t count;
        bool complete; /* false: there were more than MEMBERS_MAX */
};

/** Reads the tar of a file and writes the list; runs in a worker. 0 or -errno. */
int members_list(int input_fd, int output_fd, struct machine_error *error);

/** Reads the list back. 0 or -errno. */
int members_read(int fd, struct members *ret, struct machine_error *error);

/** The regular file that a path names, links followed inside the archive; NULL where there is none.
 */
const struct member *members_find(const struct members *members, const char *path);

void members_clear(struct members *members);
#define _cleanup_members_ _cleanup_(members_clear)

#endif

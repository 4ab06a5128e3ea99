/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_MEMBERS_H
#define IMAGE_UNPACK_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

#include "base/cleanup.h"

/* The members of a plain tar and the position of their content in the file, so that they can be
 * read in any order, without a second pass and without unpacking. */

/** The maximum number of members in an archive of images; the list of a root file system is not
 * kept. */
#define MEMBERS_MAX 20000

struct member {
        char *path;   /* clean, without a leading slash */
        char *target; /* of a link: clean, from the archive's root; or NULL */
        uint64_t offset;
        uint64_t size;
};

struct members {
        struct member *items;
        size_t count;
        bool complete; /* false: there were more than MEMBERS_MAX */
};

/** Reads the tar of a file and writes the list; runs in a worker. Returns 0 or -errno. */
int members_list(int input_fd, int output_fd, struct machine_error *error);

/** Reads the list back. Returns 0 or -errno. */
int members_read(int fd, struct members *ret, struct machine_error *error);

/** Finds the regular file of a path, following links inside the archive. NULL if there is none. */
const struct member *members_find(const struct members *members, const char *path);

void members_clear(struct members *members);
#define _cleanup_members_ _cleanup_(members_clear)

#endif

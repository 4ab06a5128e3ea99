/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DISK_PART_H
#define IMAGE_DISK_PART_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>

#include "base/cleanup.h"

/** A file in the making, beside the place where it is to be. */
struct part {
        char *path;      /* where it is to be; NULL: it is only needed meanwhile */
        char *temporary; /* where it is, or NULL */
        int fd;
};

#define PART_INIT            \
        {                    \
                .fd = -EBADF \
        }

/** Creates an empty file named PATH.part, for `path` if it is `kept`; one that an interrupted
 * program left is replaced. Returns 0, or -errno with error set. */
int part_begin(const char *path, bool kept, struct part *ret, struct machine_error *error);

/** Its size. Returns 0 or -errno. */
int part_size(const struct part *part, uint64_t *ret);

/** Writes it to disk. Returns 0, or -errno with error set. */
int part_sync(const struct part *part, struct machine_error *error);

/** Gives it its name. Returns 0, or -errno with error set. */
int part_publish(struct part *part, struct machine_error *error);

/** Closes it, and removes it unless it was published. */
void part_discard(struct part *part);

#define _cleanup_part_ _cleanup_(part_discard)

#endif

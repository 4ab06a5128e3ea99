/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DISK_MAKE_H
#define IMAGE_DISK_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "image/digest.h"
#include "image/format.h"

/** Making a root in one file from a directory: the same bytes from the same files, whenever and
 * wherever. Times later than SOURCE_DATE_EPOCH become that, and everything that would be random is
 * derived from the files. */
struct disk_making {
        enum image_format format;
        bool verity;              /* with a hash tree: beside the file, or in a partition of it */
        const char *path;         /* absolute */
        const char *architecture; /* of the partitions */
};

struct disk_made {
        uint64_t size;
        char root_hash[DIGEST_HEX_LENGTH + 1]; /* "" without a hash tree */
};

/**
 * Makes the file, and beside it NAME.roothash and NAME.verity, see disk_beside(). They appear when
 * all of them are complete and on disk, and replace earlier ones. tree_fd is a directory in the
 * caller's mount namespace, which does not change meanwhile. The tools run in sandboxes, see
 * base/tool/tool.h. Returns 0, or -errno with error set; nothing is left behind.
 */
int disk_make(int tree_fd, const struct disk_making *wanted, struct disk_made *ret,
              struct machine_error *error);

#endif

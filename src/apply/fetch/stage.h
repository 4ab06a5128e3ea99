/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_FETCH_STAGE_H
#define APPLY_FETCH_STAGE_H

#include <sys/types.h>

#include "base/error.h"

/** 16 hexadecimal digits and a NUL. */
#define STAGE_DIGEST_SIZE 17

struct stage_options {
        /* Whether files must belong to root (or to `trusted_owner`) and be writable by nobody else:
         * they give orders to root. */
        bool trust_required;
        uid_t trusted_owner;
};

/**
 * Copies a tree into an empty directory, or with `into` NULL only reads it. Directories, regular
 * files and symbolic links that stay in the tree are copied, the executable bits and the
 * inaccessibility to others with them; the owner becomes root. Anything else is refused, and so is
 * a link that leaves the tree. ".git" at the top is left out. ret_digest depends on names, modes
 * and contents. Returns 0 or -errno with an error that names the file.
 */
int stage_tree(const char *from, const char *into, const struct stage_options *options,
               char ret_digest[static STAGE_DIGEST_SIZE], struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REMOVE_H
#define IMAGE_REMOVE_H

#include <stdint.h>

/** Removes a file or a directory with all below it, following no link and crossing no mount. Depth
 *  costs neither stack nor descriptors. 0, also when there is nothing, or -errno. */
int remove_tree(int parent_fd, const char *name);

/** Adds up the blocks of all that a directory holds, a hard link's shared among its
 *  names: bytes on disk. ret_files may be NULL. 0 or -errno. */
int measure_tree(int parent_fd, const char *name, uint64_t *ret_bytes, uint64_t *ret_files);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRANSFER_TAGS_H
#define IMAGE_TRANSFER_TAGS_H

#include "image/registry/registry.h"

/** Lists the tags of the registry's repository, in its order, over all pages. Returns 0 or -errno
 * with error set; the caller frees *ret. */
int tags_list(struct registry *registry, char ***ret, struct machine_error *error);

#endif

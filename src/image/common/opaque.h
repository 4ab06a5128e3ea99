/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMMON_OPAQUE_H
#define IMAGE_COMMON_OPAQUE_H

#include <stdbool.h>

/* Directories that hide those of the layers below: overlayfs knows them by an attribute, which is
 * trusted.overlay.opaque, or for a user, who cannot set that, user.overlay.opaque. */

/** Marks a directory of a layer. Returns 0 or -errno. */
int opaque_set(int directory_fd);

/** Whether a directory of a layer is marked, in either way: those of the archive are left out. */
bool opaque_is_set(int directory_fd);

/** The same for a name in the working directory. */
bool opaque_is_set_at(const char *name);

/** Whether a name in the working directory is a directory that a machine made opaque: only in the
 * way that its overlay uses, because a machine of root's may set the other one. `inside`: the
 * caller is in a user namespace. */
bool opaque_is_set_by_machine(const char *name, bool inside);

#endif

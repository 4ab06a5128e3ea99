/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMMON_WHITEOUTS_H
#define IMAGE_COMMON_WHITEOUTS_H

#include <stdbool.h>

/** Whether a path in a layer is that of an implied directory: one that the layer needs but does not
 * hold. */
typedef bool (*whiteouts_implied)(const char *path, void *data);

/**
 * Whether such a directory exists only for whiteouts: apart from them it holds only directories of
 * its kind. Returns 1, 0 or -errno.
 */
int whiteouts_alone(int parent_fd, const char *name, const char *path, whiteouts_implied is_implied,
                    void *data);

#endif

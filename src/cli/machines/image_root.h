/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_IMAGE_ROOT_H
#define CLI_MACHINES_IMAGE_ROOT_H

#include <stdbool.h>

#include "cli/common/cli.h"

/** What the root in a disk image tells of itself. */
struct image_root {
        char *os_release; /* the text of os-release(5), or NULL; freed by the caller */
        bool boots;       /* it has an init */
};

/** Mounts a disk image as a start would, without making a machine of it, and looks into its root.
 * For root only. Returns 0, or -errno with the error that a start would have. */
int cli_read_image_root(struct cli *cli, const char *path, struct image_root *ret,
                        struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_VERBS_IMAGE_FILE_H
#define CLI_VERBS_IMAGE_FILE_H

#include <stdbool.h>

#include "cli/common/cli.h"

/** Whether an argument can only be a path. */
bool image_file_is_path(const char *argument);

/** Whether an argument is a disk image and not an image of the store: a path, or a file whose name
 * no image has. */
bool image_file_is_meant(const struct cli *cli, const char *argument);

/** image-status of a disk image. Returns 0; or -errno with error set, also if everything could be
 * printed but no machine could have it as its root. */
int image_file_status(struct cli *cli, const char *path, struct machine_error *error);

#endif

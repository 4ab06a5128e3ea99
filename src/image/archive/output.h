/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_OUTPUT_H
#define IMAGE_ARCHIVE_OUTPUT_H

#include <machine/error.h>

#include "image/tar/tar_format.h"

/* The file that an archive is written to. */

/** Checks that a path may be replaced; "-" is standard output. Returns 0 or -errno with error set.
 */
int output_check(const char *path, struct machine_error *error);

/** What writes an archive: `output` with `to` takes its bytes. */
typedef int (*output_writer)(void *data, tar_output output, void *to, struct machine_error *error);

/** Writes an archive to a file, which gets its name once it is complete, or to standard output for
 * "-". Returns 0 or -errno with error set. */
int output_write(const char *path, output_writer writer, void *data, struct machine_error *error);

#endif

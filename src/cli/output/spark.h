/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_SPARK_H
#define CLI_OUTPUT_SPARK_H

#include <stdbool.h>
#include <stddef.h>

/** Width of a history in characters, and its maximum size in bytes, including the NUL. */
#define SPARK_WIDTH 10
#define SPARK_BYTES (SPARK_WIDTH * 3 + 1)

/** Formats the last values, the newest to the right: each a block that is as high as its share of
 * `full`, and with utf8 false a character. */
void spark_format(const double *values, size_t count, double full, bool utf8,
                  char text[static SPARK_BYTES]);

#endif

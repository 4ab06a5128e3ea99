/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_LIBARCHIVE_H
#define IMAGE_LIBARCHIVE_H

#include <machine/error.h>

/** Loads libarchive's writing side, once. 0, or -ELIBACC with the error filled where it is missing.
 */
int libarchive_load(struct machine_error *error);

#endif

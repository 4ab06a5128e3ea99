/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include <stdbool.h>

#include <machine/error.h>

/** What an image or a machine can be saved as to be a root in one file: see image/disk/make.h. */
enum image_format {
        IMAGE_FORMAT_EROFS,
        IMAGE_FORMAT_SQUASHFS,
        IMAGE_FORMAT_RAW, /* a partition table, and erofs in a partition */
        IMAGE_FORMATS,
};

/** Finds a format by its name. Returns false for other names. */
bool image_format_find(const char *name, enum image_format *ret);

/** Checks that this host has the programs that a format takes, with a hash tree or without. Returns
 * 0, or -ENOENT with an error that names all that are missing. */
int image_format_check(enum image_format format, bool verity, struct machine_error *error);

/** The name that partitions have for an architecture of images: "x86-64" for "amd64"; NULL if they
 * have none. */
const char *image_format_architecture(const char *architecture);

#endif

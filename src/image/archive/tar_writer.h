/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_TAR_WRITER_H
#define IMAGE_ARCHIVE_TAR_WRITER_H

#include <stddef.h>

#include <machine/error.h>

#include "image/tar/tar_format.h"

/**
 * Writes a tree as a layer's tar: whiteouts and opaque directories become ".wh." names; overlayfs'
 * own attributes are left out. skip is a list of escaped paths, one per line, that get no entry
 * (implied directories), or -EBADF. Entries are sorted by name, so that equal trees give equal
 * bytes. Returns 0 or -errno with error set.
 */
int tar_write_tree(int tree_fd, int skip_fd, tar_output output, void *data,
                   struct machine_error *error);

/** Writes a tree as it is, which is no layer: names and devices that mark removed files in a layer
 * are files here. */
int tar_write_literal(int tree_fd, tar_output output, void *data, struct machine_error *error);

/** Writes the regular files and directories below a directory unchanged, owned by root and with
 * time zero: an archive of an image. */
int tar_write_files(int directory_fd, tar_output output, void *data, struct machine_error *error);

#endif

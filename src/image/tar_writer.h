/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TAR_WRITER_H
#define IMAGE_TAR_WRITER_H

#include <stddef.h>

#include <machine/error.h>

/** Takes a piece of the tar. 0 or -errno. */
typedef int (*tar_output)(void *data, const void *bytes, size_t length);

/**
 * Writes a tree as a layer's tar: whiteouts and opaque directories become ".wh." names, attributes
 * that are overlayfs' own are left out. skip is a list of escaped paths, a line each, that get no
 * entry (directories that the layer implied), or -EBADF. Sorted by name: the same tree gives the
 * same bytes. 0 or -errno with error filled.
 */
int tar_write_tree(int tree_fd, int skip_fd, tar_output output, void *data,
                   struct machine_error *error);

/** Writes the regular files and directories below a directory as they are, owned by root, times
 *  zero: an archive of an image. */
int tar_write_files(int directory_fd, tar_output output, void *data, struct machine_error *error);

#endif

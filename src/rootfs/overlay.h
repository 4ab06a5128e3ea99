/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_OVERLAY_H
#define ROOTFS_OVERLAY_H

#include <stddef.h>
#include <sys/stat.h>

#include <machine/error.h>

/** The kernel's limit (OVL_MAX_STACK in fs/overlayfs/params.h). */
#define OVERLAY_LAYERS_MAXIMUM 500

struct overlay_layer {
        char *path; /* on the host, for messages */
        int fd;     /* detached, read-only, idmapped mount of it; -EBADF once it is staged */
};

/** An overlay that is being put together. Zeroed is empty but for upper_fd. */
struct overlay {
        struct overlay_layer *layers; /* top first */
        size_t count;
        int upper_fd;     /* detached mount of the directory with `upper` and `work`, or -EBADF:
                           * writes go to the scratch */
        char *upper_path; /* of that directory on the host, for messages */
};

/**
 * Opens a directory of the host as the next lower layer: a read-only mount of it alone, without
 * what is mounted below it, its ids mapped by the user namespace (or -EBADF: as they are). 0 or
 * -errno with an error that tells what is wrong with it.
 */
int overlay_add_layer(struct overlay *overlay, const char *path, int user_namespace_fd,
                      struct machine_error *error);

/**
 * Opens the directory that holds `upper` and `work`, which are made where they are missing, as the
 * place for writes over layers that have been added. ret_lock is a descriptor with an exclusive
 * lock on it: two overlays that write into one upper corrupt it. 0 or -errno with the error filled.
 */
int overlay_set_upper(struct overlay *overlay, const char *path, int user_namespace_fd,
                      int *ret_lock, struct machine_error *error);

/**
 * Attaches all layers in the directory stage_fd (on a mounted tmpfs) and mounts the overlay on
 * "merged" there. Before Linux 6.15 overlayfs takes only layers that are attached in the caller's
 * mount namespace. Called with the identity that the overlay shall write with; changes the working
 * directory to stage_fd, so that names of layers are short: 500 of them fit the one page that
 * mount(2) takes. 0 or -errno with the error filled.
 */
int overlay_mount(struct overlay *overlay, int stage_fd, struct machine_error *error);

/** Gives a new upper directory the owner and the mode that "/" has in the layer below: it is the
 *  upper's that the machine sees. 0 or -errno. */
int overlay_copy_root(int directory_fd, const char *name, const struct stat *layer);

/** Frees what an overlay owns. What was mounted stays. */
void overlay_clear(struct overlay *overlay);

#endif

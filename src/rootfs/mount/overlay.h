/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_MOUNT_OVERLAY_H
#define ROOTFS_MOUNT_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <machine/error.h>

/** The kernel's limit (OVL_MAX_STACK in fs/overlayfs/params.h). */
#define OVERLAY_LAYERS_MAXIMUM 500

/** The name of the overlay mount in the directory where it is staged. */
#define STAGE_MERGED "merged"

struct overlay_layer {
        char *path; /* on the host, for messages */
        int fd;     /* detached, read-only, idmapped mount of it; -EBADF after it was staged */
};

/** An overlay during setup. All zeros is empty, except for upper_fd. */
struct overlay {
        struct overlay_layer *layers; /* top first */
        size_t count;
        int upper_fd;     /* detached mount of the directory with `upper` and `work`, or -EBADF:
                           * writes go to the scratch */
        char *upper_path; /* of that directory on the host, for messages */
        bool writable;    /* a layer whose files could not be copied up is refused */
        bool by_user;     /* marks are attributes user.overlay.*, as a user cannot set trusted.* */
};

/**
 * Opens a directory of the host as the next lower layer: a read-only mount without the mounts below
 * it, and with the id map of the user namespace (-EBADF: none). Returns 0 or -errno with an error.
 */
int overlay_add_layer(struct overlay *overlay, const char *path, int user_namespace_fd,
                      struct machine_error *error);

/** Adds a mount that exists as the next lower layer. It takes the descriptor, even on failure. 0 or
 * -errno with an error. */
int overlay_add_mount(struct overlay *overlay, const char *path, int mount_fd,
                      struct machine_error *error);

/** The name of a layer in the directory where the overlay is staged. */
#define OVERLAY_NAME_BYTES 3
void overlay_layer_name(size_t index, char name[static OVERLAY_NAME_BYTES]);

/**
 * Opens the directory for writes, after the layers were added. It contains `upper` and `work`,
 * which are created if missing. ret_lock is a descriptor that holds an exclusive lock on it,
 * because two overlays with the same upper corrupt it. `top` has the owner on disk and the mode of
 * the top layer. Returns 0 or -errno with an error.
 */
int overlay_set_upper(struct overlay *overlay, const char *path, int user_namespace_fd,
                      const struct stat *top, int *ret_lock, struct machine_error *error);

/** Makes the checks of overlay_set_upper() without creating anything. own: the machine's own
 * directory, which a start makes inaccessible to users of the host. */
int overlay_check_upper(const char *path, bool own, struct machine_error *error);

/**
 * Attaches all layers in the directory stage_fd (on a mounted tmpfs) and mounts the overlay on
 * "merged" there. Before Linux 6.15 overlayfs only accepts layers that are attached in the caller's
 * mount namespace. The overlay writes with the identity of the caller. Changes the working
 * directory to stage_fd, so that the names of layers are short: mount(2) accepts one page, which
 * holds 500 of them. Returns 0 or -errno with an error.
 */
int overlay_mount(struct overlay *overlay, int stage_fd, struct machine_error *error);

/** Copies owner and mode of "/" from the layer below to a new upper directory, whose "/" is the one
 * that the machine sees. Returns 0 or -errno. */
int overlay_copy_root(int directory_fd, const char *name, const struct stat *layer);

/** Frees the contents of an overlay. Mounts stay. */
void overlay_clear(struct overlay *overlay);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_STORE_H
#define IMAGE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <machine/error.h>

#include "base/log.h"
#include "image/digest.h"
#include "image/document.h"
#include "image/worker.h"

/* The store's writing side; image/image.h tells what lies where and why. */

struct store {
        char *path;  /* absolute: the state directory */
        int root_fd; /* of it */
        int images_fd;
        int layers_fd;
        int blobs_fd;
        int lock; /* the store lock, shared or exclusive */
        const struct log *log;
};

#define STORE_INIT                                                                               \
        {                                                                                        \
                .root_fd = -EBADF, .images_fd = -EBADF, .layers_fd = -EBADF, .blobs_fd = -EBADF, \
                .lock = -EBADF                                                                   \
        }

/**
 * Opens the store, making it where it is missing, and takes its lock: LOCK_SH to add and to look,
 * LOCK_EX to collect. Waits for the lock and says so. What killed processes left is removed. 0 or
 * -errno.
 */
int store_open(const char *state_directory, int operation, const struct log *log, struct store *ret,
               struct machine_error *error);
void store_close(struct store *store);
#define _cleanup_store_ _cleanup_(store_close)

/** Makes a directory tmp-* in a directory of the store, locked by the descriptor that is returned,
 *  or -errno. ret_name holds its name. */
int store_make_temporary(int directory_fd, char ret_name[static 64], struct machine_error *error);

/** Removes the tmp-* of a directory that nobody holds. Adds to *bytes what came back; NULL: does
 * not count. 0 or -errno. */
int store_remove_abandoned(int directory_fd, uint64_t *bytes);

/* ---- Layers ---- */

/** A layer that is being made, below layers/tmp-*. */
struct new_layer {
        char name[64]; /* of the temporary directory, or "" */
        int fd;        /* of it; holds its lock */
        int entries;
        int implied;
        struct worker_result result;
        digest_text diff_id;
};

#define NEW_LAYER_INIT                                             \
        {                                                          \
                .fd = -EBADF, .entries = -EBADF, .implied = -EBADF \
        }

/** Makes the directory with an empty tree and the open lists. 0 or -errno. */
int store_begin_layer(struct store *store, struct new_layer *ret, struct machine_error *error);

/** Whether the layer is in the store, whole. */
bool store_has_layer(struct store *store, const char *diff_id);

/** Writes the record; the layer is unpacked and its diff id verified. Nothing is visible yet. */
int store_finish_layer(struct new_layer *layer, struct machine_error *error);

/**
 * Makes finished layers visible: one syncfs(2) for all of them, then a rename of each, then the
 * directory is synced. A layer that is there by now, from another process, wins. 0 or -errno.
 */
int store_publish_layers(struct store *store, struct new_layer *const *layers, size_t count,
                         struct machine_error *error);

/** Removes what is not published. */
void store_discard_layer(struct store *store, struct new_layer *layer);

/** The counts of a layer's record. 0 or -errno. */
struct layer_info {
        uint64_t bytes;   /* of its files' content */
        uint64_t entries; /* files */
        uint64_t implied;
        uint64_t archive; /* bytes of its tar */
};
int store_read_layer(struct store *store, const char *diff_id, struct layer_info *ret,
                     struct machine_error *error);

/* ---- Images ---- */

/** What is put into the store. Nothing is owned. */
struct new_image {
        const char *config; /* text, as its digest says */
        size_t config_length;
        const char *manifest; /* text, or NULL: it had none */
        size_t manifest_length;
        const char *manifest_digest; /* or NULL */
        const struct config *parsed;
        const struct manifest *layers; /* or NULL: blobs are not known */
        char *const *references;       /* full references that name it from now on */
};

/**
 * Records an image whose layers are all in the store: directories that layers implied, record,
 * config, manifest; synced, renamed; then its references. ret_id may be NULL. 0 or -errno.
 */
int store_add_image(struct store *store, const struct new_image *image, digest_text ret_id,
                    struct machine_error *error);

/** Reads references.json. *ret is an object with "references", also where there is none yet. */
int store_read_references(struct store *store, json_t **ret, struct machine_error *error);

/** Changes references.json under its lock: sets the references to the image, or removes them where
 * id is NULL. 0 or -errno. */
int store_set_references(struct store *store, char *const *references, const char *id,
                         struct machine_error *error);

/** Reads an image's record. 0, -ENOENT, or -errno; error is filled. */
int store_read_image(struct store *store, const char *id, json_t **ret,
                     struct machine_error *error);

/** The ids of all images. */
int store_list_images(struct store *store, char ***ret, struct machine_error *error);

/** Finds an image by reference, id or the first 4 and more digits of an id. ret_reference (may be
 *  NULL) is the full reference where that was how it was found. 0 or -errno with error filled. */
int store_find_image(struct store *store, const char *text, digest_text ret_id,
                     char **ret_reference, struct machine_error *error);

/* ---- Directories that layers imply (directories.c) ---- */

/** Makes the image's own top layer below image_fd where it needs one. *ret: whether it does. */
int store_make_directories(struct store *store, int image_fd, const struct config *config,
                           bool *ret, struct machine_error *error);

/* ---- Removing (collect.c) ---- */

struct collected {
        unsigned int images;
        unsigned int layers;
        uint64_t bytes;
};

/** Removes an image, in use or not, and the layers that nothing else uses. The store is locked
 *  exclusively. */
int store_remove_image(struct store *store, const char *id, struct collected *collected,
                       struct machine_error *error);

/** Whether a machine runs on the image or has a writable layer over it; *ret names it. */
int store_image_user(struct store *store, const char *id, char **ret, struct machine_error *error);

/** Removes images without a reference that no machine uses, layers without an image, blobs and
 * abandoned work. all: also images with a reference that no machine uses. */
int store_prune(struct store *store, bool all, struct collected *collected,
                struct machine_error *error);

#endif

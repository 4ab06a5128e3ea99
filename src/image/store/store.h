/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_STORE_STORE_H
#define IMAGE_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <machine/error.h>

#include "base/log.h"
#include "image/digest.h"
#include "image/document/document.h"
#include "image/unpack/worker.h"

/* The writing side of the store; image/image.h describes its layout and the reasons for it. */

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
 * Opens the store, creating it if necessary, and takes its lock: LOCK_SH to add and to read,
 * LOCK_EX to collect. If it has to wait for the lock, it logs a notice. Removes leftovers of killed
 * processes. Returns 0 or -errno.
 */
int store_open(const char *state_directory, int operation, const struct log *log, struct store *ret,
               struct machine_error *error);
void store_close(struct store *store);
#define _cleanup_store_ _cleanup_(store_close)

/** Makes a directory tmp-* in a directory of the store. *ret_name is its name. Returns its
 * descriptor, which holds its lock, or -errno. */
int store_make_temporary(int directory_fd, char ret_name[static 64], struct machine_error *error);

/** Removes the tmp-* directories that no process has locked and adds their size to *bytes (unless
 * NULL). Returns 0 or -errno. */
int store_remove_abandoned(int directory_fd, uint64_t *bytes, struct machine_error *error);

/* ---- Layers ---- */

/** A layer in progress, below layers/tmp-*. */
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

/** Makes the directory with an empty tree and opens the lists. Returns 0 or -errno. */
int store_begin_layer(struct store *store, struct new_layer *ret, struct machine_error *error);

/** Whether the store has the complete layer. */
bool store_has_layer(struct store *store, const char *diff_id);

/** Writes the record of an unpacked layer whose diff id was verified. Does not publish it. */
int store_finish_layer(struct new_layer *layer, struct machine_error *error);

/**
 * Publishes finished layers: one syncfs(2) for all of them, a rename of each, then the directory is
 * synced. If another process has published a layer before, that one is kept. Returns 0 or -errno.
 */
int store_publish_layers(struct store *store, struct new_layer *const *layers, size_t count,
                         struct machine_error *error);

/** Removes an unpublished layer. */
void store_discard_layer(struct store *store, struct new_layer *layer);

/** The counts of a layer's record. Returns 0 or -errno. */
struct layer_info {
        uint64_t bytes;   /* of its files' content */
        uint64_t entries; /* files */
        uint64_t implied;
        uint64_t archive; /* bytes of its tar */
};
int store_read_layer(struct store *store, const char *diff_id, struct layer_info *ret,
                     struct machine_error *error);

/* ---- Images ---- */

/** The description of a new image. It owns nothing. */
struct new_image {
        const char *config; /* text, matches its digest */
        size_t config_length;
        const char *manifest; /* text, or NULL if there is none */
        size_t manifest_length;
        const char *manifest_digest; /* or NULL */
        const struct config *parsed;
        const struct manifest *layers; /* or NULL if the blobs are unknown */
        char *const *references;       /* full references to set */
};

/**
 * Adds an image whose layers are all in the store: implied directories, record, config and manifest
 * are written, synced and renamed; then its references are set. ret_id may be NULL. Returns 0 or
 * -errno.
 */
int store_add_image(struct store *store, const struct new_image *image, digest_text ret_id,
                    struct machine_error *error);

/** Reads references.json. *ret is an object with "references", even if the file does not exist. */
int store_read_references(struct store *store, json_t **ret, struct machine_error *error);

/** Changes references.json under its lock: points the references to the image, or removes them if
 * id is NULL. Returns 0 or -errno. */
int store_set_references(struct store *store, char *const *references, const char *id,
                         struct machine_error *error);

/** Reads an image's record. Returns 0, -ENOENT or -errno with error set. */
int store_read_image(struct store *store, const char *id, json_t **ret,
                     struct machine_error *error);

/** The ids of all images. */
int store_list_images(struct store *store, char ***ret, struct machine_error *error);

/** Finds an image by reference, id or at least the first 4 digits of its id. *ret_reference (may be
 * NULL) is the full reference if it was found by that. Returns 0 or -errno with error set. */
int store_find_image(struct store *store, const char *text, digest_text ret_id,
                     char **ret_reference, struct machine_error *error);

/* ---- Directories that layers imply (directories.c) ---- */

/** The parts of an image that are not shared layers. */
struct image_trees {
        bool directories; /* a top layer */
        bool *resolved;   /* for each layer, bottom first: whether it has a variant; owned */
};

/** Makes these parts below image_fd. The caller frees ret->resolved. Returns 0 or -errno. */
int store_make_directories(struct store *store, int image_fd, const struct config *config,
                           struct image_trees *ret, struct machine_error *error);

/* ---- Removing (collect.c) ---- */

struct collected {
        unsigned int images;
        unsigned int layers;
        uint64_t bytes;
};

/** Removes an image, even if in use, and the layers that no other image uses. The store is locked
 * exclusively. */
int store_remove_image(struct store *store, const char *id, struct collected *collected,
                       struct machine_error *error);

/** Whether a machine runs on the image or has a writable layer over it, or a stored tree of `apply`
 * names it; *ret says which, or is NULL. Returns 0 or -errno with error set. */
int store_image_user(struct store *store, const char *id, char **ret, struct machine_error *error);

/** Removes unreferenced images that nothing uses, see store_image_user(), layers without an image,
 * blobs and unfinished work. all: referenced images that nothing uses as well. */
int store_prune(struct store *store, bool all, struct collected *collected,
                struct machine_error *error);

#endif

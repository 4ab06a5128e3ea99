/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_STORE_CHAIN_H
#define IMAGE_STORE_CHAIN_H

#include "image/store/store.h"

/* The stack of an image's layers, while the image is added to the store. */

/** A hard link to a file that its layer does not hold. Both paths are clean and owned. */
struct chain_link {
        char *path;
        char *target;
};

struct chain_layer {
        int tree;      /* its files, from the image's variant of the layer if there is one */
        void *implied; /* tsearch(3) set of the paths of implied directories */
        struct chain_link *links;
        size_t link_count;
        bool resolved; /* the image has a variant of the layer */
};

struct chain {
        struct store *store;
        const struct config *config;
        struct chain_layer *layers; /* bottom first */
        int image_fd;
        int directory_fd; /* the layer made by directories.c, or -EBADF */
        struct machine_error *error;
};

/** Opens the layers and reads their lists of missing files. error must not be NULL. Returns 0 or
 * -errno. */
int chain_open(struct chain *chain, struct store *store, int image_fd, const struct config *config,
               struct machine_error *error);
void chain_close(struct chain *chain);

/** Adds a path to a set. Returns 0 or -ENOMEM. */
int chain_add_implied(struct chain_layer *layer, const char *path);
bool chain_is_implied(const struct chain *chain, size_t layer, const char *path);

/** The state of a path in a layer, for the layers above it. */
enum standing {
        STANDING_NOTHING,   /* the layer does not mention it */
        STANDING_HIDDEN,    /* the layer hides lower ones */
        STANDING_DIRECTORY, /* the layer has the directory */
        STANDING_OTHER,     /* the layer has another file */
        STANDING_IMPLIED,   /* an implied directory */
};

/** Looks up a path in one layer without following links. *ret_fd is opened for a directory. */
enum standing chain_look(const struct chain *chain, size_t layer, const char *path, int *ret_fd);

/** Copies owner, mode, attributes and time from one directory to another. Returns 0 or -errno. */
int chain_copy_directory(int from, int to);

/** Resolves layers through those below them: resolve.c. Returns 0 or -errno with error set. */
int chain_resolve(struct chain *chain);

#endif

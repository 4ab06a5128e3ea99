/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_STORE_RESOLVE_INTERNAL_H
#define IMAGE_STORE_RESOLVE_INTERNAL_H

#include <limits.h>
#include <stdbool.h>

#include "image/store/chain.h"

/* Shared by the parts of resolving a layer: resolve.c has the whole. */

struct pair {
        char *from;
        char *to;
};

struct resolving {
        struct chain *chain;
        size_t number; /* of the layer */
        int source;    /* the layer's tree */
        int tree;      /* the variant's tree */
        struct chain_layer fresh;
        struct pair *directories; /* directories that the layer holds: source and target */
        size_t directory_count;
};

/* ---- Lookups in the layers below (resolve_below.c) ---- */

enum below {
        BELOW_NOTHING,
        BELOW_DIRECTORY,
        BELOW_LINK,
        BELOW_FILE,
};

/** Looks up a path in the layers below `layer`. *ret_layer is the layer that has it. */
enum below resolve_look_below(const struct chain *chain, size_t layer, const char *path,
                              size_t *ret_layer);

/** Appends a component to a path. Returns 0 or -ENAMETOOLONG. */
int resolve_push(char path[static PATH_MAX], const char *name, size_t length);

/** Resolves a directory that the layer names, through links of the layers below, inside the root.
 * Returns 0, -ENOTDIR if a file is in the way, -ELOOP or -ENAMETOOLONG. */
int resolve_follow(const struct resolving *self, const char *path, char ret[static PATH_MAX]);

/* ---- The variant's tree (resolve_variant.c) ---- */

/** Marks a directory as opaque to overlayfs. Returns 0 or -errno. */
int variant_set_opaque(int tree, const char *path);

/** Opens the directory that holds the last component. Returns a descriptor or -errno. */
int variant_open_parent(int tree, const char *path, const char **ret_name);

/** Makes a directory. Returns 1, 0 if it exists, or -errno. If it replaces a whiteout, it must hide
 * lower directories as well. */
int variant_make_directory(struct resolving *self, const char *path);

/** Makes the missing directories of a path: the variant implies them. path is changed and restored.
 * Returns 0 or -errno. */
int variant_make_implied(struct resolving *self, char *path);

/** Records that a directory of the layer is at `to` in the variant. Returns 0 or -ENOMEM. */
int variant_note_directory(struct resolving *self, const char *from, const char *to);

/** Links a file to its new name. If it replaces a whiteout by a directory, that is made opaque.
 * Returns 0 or -errno. */
int variant_link_file(struct resolving *self, int from, const char *from_name, const char *to,
                      bool whiteout);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_STORE_STORE_H
#define APPLY_STORE_STORE_H

#include "apply/store/record.h"

/*
 * The stored trees of a source, see config/read/stored.h for the layout. A tree is made as
 * .staging-XXXXXX and renamed when it is complete; `current` is replaced by one rename. What a
 * killed apply left is removed by the next one.
 */

/** Trees that are kept besides those in use. */
#define SOURCE_TREES_KEPT 5

struct source_store {
        char *place;     /* STATE/sources */
        char *id;        /* of the source */
        char *directory; /* STATE/sources/ID */
        int lock;        /* of all sources; -EBADF: nothing is changed */
};

#define SOURCE_STORE_INIT      \
        {                      \
                .lock = -EBADF \
        }

void source_store_close(struct source_store *store);
#define _cleanup_source_store_ _cleanup_(source_store_close)

/**
 * Finds the source of an origin: the one with that id, or with NULL the one whose record has this
 * origin, or else a new id made from the origin. Nothing is created. Returns 0, or -errno with
 * error set.
 */
int source_store_find(const char *state_directory, const char *id, const char *origin,
                      struct source_store *ret, struct machine_error *error);

/** Creates the source's directory, takes the lock, waiting for another apply if necessary, and
 * removes what a killed one left. `waiting` is called before a wait. */
int source_store_lock(struct source_store *store, void (*waiting)(void *data), void *data,
                      struct machine_error *error);

/** Lists the ids of all sources, sorted. The caller frees *ret. */
int source_store_list(const char *state_directory, char ***ret, struct machine_error *error);

/** Creates an empty directory for a new tree. The caller frees its path. */
int source_store_stage(const struct source_store *store, char **ret, struct machine_error *error);

/** Makes a staged directory the tree of a revision; if that exists, removes the staged one. The
 * tree is on disk afterwards. */
int source_store_adopt(const struct source_store *store, const char *staged, const char *revision,
                       struct machine_error *error);

/** The path of a revision's tree. NULL if out of memory; the caller frees it. */
char *source_store_tree(const struct source_store *store, const char *revision);

/** Returns whether the tree of a revision is stored. */
bool source_store_has(const struct source_store *store, const char *revision);

/** Removes the tree of a revision that is not current. */
int source_store_drop(const struct source_store *store, const char *revision,
                      struct machine_error *error);

/** Gets the current revision; *ret is NULL if there is none. The caller frees it. */
int source_store_current(const struct source_store *store, char **ret, struct machine_error *error);

/** Makes a stored revision the current one, or with NULL none. */
int source_store_switch(const struct source_store *store, const char *revision,
                        struct machine_error *error);

/** Lets a machine stay with an earlier revision, and with an image (NULL: as defined). */
int source_store_hold(const struct source_store *store, const char *name, const char *revision,
                      const char *image, struct machine_error *error);

/** Lets a machine follow the current revision again. */
int source_store_release(const struct source_store *store, const char *name,
                         struct machine_error *error);

/** Gets the revision that a machine is held at; *ret is NULL if it is not. The caller frees it. */
int source_store_held(const struct source_store *store, const char *name, char **ret);

/**
 * Removes trees that are neither current, held, among the last SOURCE_TREES_KEPT of the history,
 * nor in `used`.
 */
int source_store_prune(const struct source_store *store, const struct source_record *record,
                       char *const *used, struct machine_error *error);

/** The revision of a path below the source's trees, or NULL. The caller frees it. */
char *source_store_revision_of(const struct source_store *store, const char *path);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_UPDATE_H
#define CLI_LIFE_UPDATE_H

#include "cli/common/cli.h"
#include "state/store.h"

/* Moving a machine to the image that its name points to now. */

enum update_word {
        UPDATE_UNCHANGED,
        UPDATE_PENDING,  /* there is another image; with --plan nothing more happens */
        UPDATE_DONE,     /* the machine runs it and is healthy */
        UPDATE_BACK,     /* it failed, and the machine runs the old one and is healthy */
        UPDATE_FAILED,   /* neither runs well, or the registry could not be asked */
        UPDATE_WITHHELD, /* it has failed before and is not tried again */
};

/** What was found out and done about one machine. The struct owns its strings. */
struct update {
        enum update_word word;
        char *name;
        char *reference;
        char *reason;
        char *old_id, *new_id;         /* of the images */
        char *old_digest, *new_digest; /* of the manifests for the platform; old may be NULL */
        char *created;                 /* of the new image, or NULL */
};

/** The name of a word, such as "unchanged". */
const char *update_word_name(enum update_word word);

/**
 * Compares what a running machine runs with what the name of its image points to. Nothing is
 * fetched or changed. force: an image that has failed before is tried again. Returns 0, also for a
 * registry that could not be asked, which is UPDATE_FAILED; or -errno with error set. The caller
 * clears *ret in any case.
 */
int update_find(struct cli *cli, const struct state_store *store, const char *name, bool force,
                struct update *ret, struct machine_error *error);

/**
 * Carries out an UPDATE_PENDING one: fetches the image, restarts the machine, and waits until it is
 * ready and healthy; otherwise the name is given back to the old image and the machine restarted
 * with that. The old image is kept in the store until the next update. Returns 0 or -errno with
 * error set, of what kept it from being tried.
 */
int update_carry_out(struct cli *cli, const struct state_store *store, struct update *update,
                     struct machine_error *error);

void update_clear(struct update *update);

#endif

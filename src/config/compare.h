/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_COMPARE_H
#define CONFIG_COMPARE_H

#include <jansson.h>

#include <machine/machine.h>
#include <machine/network.h>

#include "base/error.h"
#include "config/kinds/key.h"

/*
 * Comparing what a machine runs with with its definition, by meaning: a key counts if one side sets
 * it, with the value that it has in effect. Texts, comments and defaults that another version of
 * this program has do not count. Paths below a stored tree, of any revision, and below the tree of
 * the definition are compared relative to them.
 */

/** What a machine runs with: its snapshot (config/snapshot.h), and the directory of the stored
 * trees of its source (config/read/stored.h), or NULL. */
struct config_running {
        const char *snapshot;
        const char *trees;
};

/** One key that differs. */
struct config_change_of_key {
        const struct config_key *key;
        char *old; /* in definition syntax, or NULL: no value */
        char *new;
};

struct config_changes {
        struct config_change_of_key *items;
        size_t count;
};

void config_changes_clear(struct config_changes *changes);
#define _cleanup_config_changes_ _cleanup_(config_changes_clear)

/**
 * Compares a running machine with a definition, in the order of the format's keys. `tree` is the
 * tree of the definition, or NULL. Returns 0, -ENOMEM, or -EBADMSG if the snapshot is none.
 */
int config_compare(const struct config_running *running, const struct machine *machine,
                   const char *tree, struct config_changes *ret);

/** Returns 1 if the keys of two networks have the same values, otherwise 0, or -ENOMEM. */
int config_networks_equal(const struct network_definition *a, const struct network_definition *b);

/** A file or directory below a tree that a key of a definition names. */
struct config_named_file {
        const struct config_key *key;
        char *path; /* relative to the tree */
};

/** Lists the files below a tree that a definition names. Returns 0 or -ENOMEM; the caller frees
 * each path and the array. */
int config_named_files(const struct machine *machine, const char *tree,
                       struct config_named_file **ret, size_t *ret_count);

/** The snapshot of a machine that follows those keys of its definition that need no restart, and
 * with `mounts` its mounts, while everything else stays as it was. NULL if out of memory or if the
 * text is not a snapshot; the caller frees it. */
char *config_snapshot_follow(const char *snapshot, const struct machine *machine, bool mounts);

/** Loads the machine of a snapshot as this version of the program understands it. Returns 0 or
 * -errno, without an error. */
int config_snapshot_load(const char *snapshot, const char *name, struct machine **ret);

/** The same for a snapshot that was parsed. */
int config_snapshot_machine(const json_t *snapshot, const char *name, struct machine **ret);

#endif

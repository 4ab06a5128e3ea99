/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_STORED_H
#define CONFIG_READ_STORED_H

#include <stdbool.h>

/*
 * Trees of definitions that `apply` has stored, below the state directory:
 *
 *   sources/ID/REVISION/              a tree, never changed
 *   sources/ID/REVISION/hosts/NAME/   what it adds for the host of that name
 *   sources/ID/current                a link to the revision that the host follows
 *   sources/ID/held/NAME/revision     a link to the one that this machine has stayed with
 *   sources/ID/held/NAME/NAME.machine.d/  a drop-in with the image that it has stayed with
 *
 * The place of all sources, STATE/sources, is an element of the search path.
 */

#define CONFIG_STORED_NAME  "sources"
#define CONFIG_STORED_PLACE "/var/lib/machinectl-lite/" CONFIG_STORED_NAME

/** Returns whether a directory of a search path is, by its name, the place of stored trees. */
bool config_stored_is_place(const char *directory);

/**
 * Appends the directories of the definition of a machine or network: for each source those of the
 * revision that it follows, what is for this host first. With NULL those of the current revisions.
 * A place that does not exist has none. 0 or -ENOMEM.
 */
int config_stored_directories(const char *place, const char *name, char ***directories);

/** Appends the directories of one tree for a host: TREE/hosts/HOST, if it exists, and TREE. 0 or
 * -ENOMEM. */
int config_tree_directories(const char *tree, const char *host, char ***directories);

/** The name of this host, as uname(2) has it. NULL if out of memory; the caller frees it. */
char *config_host_name(void);

#endif

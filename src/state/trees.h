/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_TREES_H
#define STATE_TREES_H

#include <stdbool.h>

#include "state/store.h"

/*
 * Locks on directories and disk images, exclusive for a machine that writes to one and shared for
 * those that read it. RUNTIME/trees is locked at a byte derived from device and inode, so that
 * links, bind mounts and spellings of a path make no difference. A machine holds its locks with one
 * open file description, and they are released with its last descriptor, even if the process is
 * killed (open file description locks, fcntl(2)).
 */

/** Opens the file of all locks. Returns a descriptor, or -errno with error set. */
int trees_open(const struct state_store *store, struct machine_error *error);

/**
 * Locks a directory for writing or reading, and adds it to the record. Directories must be locked
 * for reading first, because the last lock on a directory counts. A missing directory is not an
 * error here. Returns 0, or -EBUSY with an error that names the directory and the machine that has
 * it.
 */
int trees_take(int fd, const struct state_store *store, const char *path, bool write,
               struct machine_record *record, struct machine_error *error);

/** The machine other than `except` that has locked a directory, or NULL if none is known. The
 * caller frees it. */
char *trees_holder(const struct state_store *store, const char *path, const char *except);

/** The key of a directory in `trees` of a record, or NULL if it is missing or memory is short. The
 * caller frees it. */
char *trees_key(const char *path);

#endif

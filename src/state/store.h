/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include <stdbool.h>

#include "state/record.h"

/**
 * The records of all machines: one file each, RUNTIME/machines/NAME.json, and one lock each,
 * RUNTIME/machines/NAME.lock. Who changes a machine or its record holds its lock.
 */
struct state_store {
        int directory_fd;
        char *path;       /* RUNTIME/machines */
        char boot_id[37]; /* of this boot */
};

#define STATE_STORE_INIT               \
        {                              \
                .directory_fd = -EBADF \
        }

/** Opens the store, making RUNTIME/machines (0755) where it is missing. Closed by
 * state_store_close(). */
int state_store_open(const char *runtime_directory, struct state_store *ret,
                     struct machine_error *error);
void state_store_close(struct state_store *store);

#define _cleanup_state_store_ _cleanup_(state_store_close)

/** Takes a machine's lock, waiting for whoever holds it. The descriptor is the lock; or -errno. */
int state_lock(const struct state_store *store, const char *name, struct machine_error *error);

/** Loads a record. -ENOENT without an error where there is none; errors as machine_record_read().
 */
int state_load(const struct state_store *store, const char *name, struct machine_record *ret,
               struct machine_error *error);

/**
 * Loads a record as it is true now: a machine whose supervisor has died without a word is failed,
 * whatever its record says. -ENOENT without an error where there is no record.
 */
int state_query(const struct state_store *store, const char *name, struct machine_record *ret,
                struct machine_error *error);

/** Whether a supervisor looks after the machine in this state. */
bool machine_state_is_live(enum machine_state state);

/** Saves a record, whole or not at all. 0, or -errno with an error that names the file. */
int state_save(const struct state_store *store, const struct machine_record *record,
               struct machine_error *error);

/** Keeps, for as long as the record stays, the plan of a machine's payload: bytes that this room
 * does not look into, readable by root alone. 0 or -errno. */
int state_save_plan(const struct state_store *store, const char *name, const void *plan,
                    size_t length);

/** Opens the plan for reading. A descriptor or -errno. */
int state_open_plan(const struct state_store *store, const char *name);

/** Keeps likewise the definition that a machine was started with, as text of the caller's own kind.
 *  0 or -errno. */
int state_save_definition(const struct state_store *store, const char *name, const char *text);

/** Reads it back. 0, -ENOENT where none is kept, or another -errno; the caller frees *ret. */
int state_load_definition(const struct state_store *store, const char *name, char **ret);

/** Removes a machine's record, its plan, its definition and its lock file, which the caller holds.
 * A missing one is fine. */
int state_remove(const struct state_store *store, const char *name, struct machine_error *error);

/** The names of all machines that have a record, sorted. The caller frees them. */
int state_list(const struct state_store *store, char ***ret, struct machine_error *error);

#endif

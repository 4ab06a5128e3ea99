/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include <stdbool.h>

#include "state/record.h"

/**
 * The records of all machines, RUNTIME/machines/NAME.json, each with a lock,
 * RUNTIME/machines/NAME.lock, which must be held to change the machine or its record.
 */
struct state_store {
        int directory_fd;
        char *path;       /* RUNTIME/machines */
        char boot_id[37]; /* of this boot */
        bool unlogged;    /* changes are not events: callers of OCI runtimes have their own */
};

/** RUNTIME/machines/NAME and this: the socket on which the first process of a container waits for
 * its start. */
#define STATE_START_SUFFIX ".start"
/** .. and this: the socket of the terminal of a machine in the background, for `attach`. */
#define STATE_ATTACH_SUFFIX ".attach"

#define STATE_STORE_INIT               \
        {                              \
                .directory_fd = -EBADF \
        }

/** Opens the store. Creates RUNTIME/machines (0755, of a user 0700) if it does not exist. Returns 0
 * or -errno with error set; the caller closes it with state_store_close(). */
int state_store_open(const char *runtime_directory, struct state_store *ret,
                     struct machine_error *error);
void state_store_close(struct state_store *store);

#define _cleanup_state_store_ _cleanup_(state_store_close)

/** Locks a machine, waiting if necessary. Returns the descriptor that is the lock, or -errno with
 * error set. */
int state_lock(const struct state_store *store, const char *name, struct machine_error *error);

/** Loads a record. Returns 0, -ENOENT without an error if there is none, or the errors of
 * machine_record_read(). */
int state_load(const struct state_store *store, const char *name, struct machine_record *ret,
               struct machine_error *error);

/**
 * Like state_load(), but with the current state: if the supervisor has died unexpectedly the
 * machine is failed, regardless of its record.
 */
int state_query(const struct state_store *store, const char *name, struct machine_record *ret,
                struct machine_error *error);

/** Returns whether a machine in this state has a supervisor. */
bool machine_state_is_live(enum machine_state state);

/** Saves a record atomically. Returns 0, or -errno with an error that names the file. */
int state_save(const struct state_store *store, const struct machine_record *record,
               struct machine_error *error);

/** Logs a record that was changed and will not be saved, because it is removed next. */
void state_log(const struct state_store *store, const struct machine_record *record);

/** Stores the plan of a machine's payload, opaque data that only root can read, for as long as the
 * record. Returns 0 or -errno. */
int state_save_plan(const struct state_store *store, const char *name, const void *plan,
                    size_t length);

/** Opens the plan for reading. Returns a descriptor or -errno. */
int state_open_plan(const struct state_store *store, const char *name);

/** Stores the definition of a machine at its start in the same way, as opaque text. Returns 0 or
 * -errno. */
int state_save_definition(const struct state_store *store, const char *name, const char *text);

/** Loads the stored definition. Returns 0, -ENOENT if there is none, or another -errno; the caller
 * frees *ret. */
int state_load_definition(const struct state_store *store, const char *name, char **ret);

/** Creates the directory that a container shares with those who wait for its readiness, 0755, as
 * long as the record. Returns 0 or -errno; *ret is its path, which the caller frees. */
int state_make_notify_directory(const struct state_store *store, const char *name, char **ret);

/** Opens that directory. Returns a descriptor or -errno. */
int state_open_notify_directory(const struct state_store *store, const char *name);

/** Removes the record, plan, definition and health of a machine, if they exist, and the lock, which
 * the caller holds. Returns 0 or -errno with error set. */
int state_remove(const struct state_store *store, const char *name, struct machine_error *error);

/** The same for a record that the caller has loaded. */
int state_remove_record(const struct state_store *store, const struct machine_record *record,
                        struct machine_error *error);

/** Lists the names of all machines with a record, sorted. Returns 0 or -errno with error set; the
 * caller frees *ret. */
int state_list(const struct state_store *store, char ***ret, struct machine_error *error);

#endif

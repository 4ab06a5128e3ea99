/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_TABLE_H
#define NETWORK_STATE_TABLE_H

#include <stddef.h>

#include "network/state/state.h"

/*
 * All networks and leases of a runtime directory: one file of records, mapped and not parsed, so
 * that an operation costs the same beside one machine and beside a thousand. An operation changes a
 * private copy of the records that it touches (MAP_PRIVATE); leases_commit() puts all of them into
 * the file at once: first into a journal, then in place. Whoever opens the file after a crash in
 * between completes the second part.
 *
 * A record keeps its place for life. Its last word is not part of the record: it belongs to the
 * process that owns the lease (network/state/claim.h).
 */

#define TABLE_RECORD_SIZE 512
#define TABLE_WORD_OFFSET (TABLE_RECORD_SIZE - 8)

/** The offset in the file of the number of records in the journal; 0: no commit is under way. */
#define LEASES_JOURNAL_COUNT_OFFSET 12

union table_record {
        uint32_t kind;
        struct network_host host;
        struct network_state network;
        struct network_lease lease;
        struct network_aliases aliases;
        uint64_t words[TABLE_WORD_OFFSET / sizeof(uint64_t)];
        struct {
                char record[TABLE_WORD_OFFSET];
                uint32_t word;
                uint32_t reserved;
        };
};

struct table_file;

struct network_table {
        union table_record *records; /* the private copy */
        size_t count;
        struct table_file *file; /* shared with others; NULL for a table in memory */
        int fd;
};

#define NETWORK_TABLE_INIT   \
        {                    \
                .fd = -EBADF \
        }

/**
 * Opens the table in the network directory, and creates it. The caller holds the lock. `path` is
 * the directory, for messages. *ret_fresh: it did not exist, or is of an earlier boot, whose owners
 * have all gone. -EBADMSG with an error for a file of another version.
 */
int leases_open(int directory_fd, const char *path, struct network_table *ret, bool *ret_fresh,
                struct machine_error *error);

/** Reads a copy of the table without the lock, as any user; empty if there is none. */
int leases_look(int directory_fd, const char *path, struct network_table *ret,
                struct machine_error *error);

/** Creates an empty table in memory. Returns 0 or -ENOMEM. */
int leases_new(struct network_table *ret);

/** Drops what was not committed. */
void leases_close(struct network_table *table);

/** Puts all changes into the file, at once: a crash leaves all or none of them, as long as they are
 * not more than a few dozen records. */
void leases_commit(struct network_table *table);

/**
 * A mark in the file that the hosts files are being changed: set before the first of them is
 * touched, cleared after the commit that goes with it. Where it is found set, they are written
 * anew.
 */
void leases_set_names_busy(struct network_table *table, bool busy);
bool leases_names_are_busy(const struct network_table *table);

/** The record of the host. */
struct network_host *leases_host(const struct network_table *table);

/** Adds a record of a kind. Valid until the table is closed. NULL with a full table. */
union table_record *leases_add(struct network_table *table, enum record_kind kind);

/** Frees a record, and its word; with a lease its aliases. */
void leases_remove(struct network_table *table, void *record);

/** Frees the aliases of a lease: network/state/aliases.h. */
void leases_remove_aliases(struct network_table *table, struct network_lease *lease);

/** The number of a record. */
uint32_t leases_number(const struct network_table *table, const void *record);

/** The word of a record, as the processes share it. */
uint32_t leases_word(const struct network_table *table, const void *record);
void leases_clear_word(const struct network_table *table, const void *record);
/** Its offset in the file. */
off_t leases_word_place(const struct network_table *table, const void *record);

/** The next record of a kind after another, or the first one after NULL. NULL: no more. */
union table_record *leases_next(const struct network_table *table, enum record_kind kind,
                                const void *record);

#define TABLE_FOREACH_NETWORK(state, table)                                                  \
        for (struct network_state *state = (void *)leases_next(table, RECORD_NETWORK, NULL); \
             state; state = (void *)leases_next(table, RECORD_NETWORK, state))

#define TABLE_FOREACH_LEASE(lease, table)                                                         \
        for (struct network_lease *lease = (void *)leases_next(table, RECORD_LEASE, NULL); lease; \
             lease = (void *)leases_next(table, RECORD_LEASE, lease))

#define TABLE_FOREACH_ENDING(lease, table)                                                         \
        for (struct network_lease *lease = (void *)leases_next(table, RECORD_ENDING, NULL); lease; \
             lease = (void *)leases_next(table, RECORD_ENDING, lease))

/** The record of a network, or NULL. */
struct network_state *leases_find_network(const struct network_table *table, const char *name);

/** The same, added if it is unknown. NULL if the table is full or the name too long. */
struct network_state *leases_network(struct network_table *table, const char *name);

/** The network of a lease. */
struct network_state *leases_network_of(const struct network_table *table,
                                        const struct network_lease *lease);

/** The lease of a machine in a network, or NULL. */
struct network_lease *leases_find(const struct network_table *table,
                                  const struct network_state *state, const char *machine);

/** The lease of a machine's link with an index, eth0, eth1, .., that has an owner, in any network,
 * or NULL. */
struct network_lease *leases_find_owned(const struct network_table *table, const char *machine,
                                        unsigned int index);

/** Adds an empty lease for a machine. NULL if the table is full or the name too long. */
struct network_lease *leases_add_lease(struct network_table *table,
                                       const struct network_state *state, const char *machine);

/** Whether a lease of a network has an owner. Those of owners that have exited are pruned when a
 * session begins. */
bool leases_is_live(const struct network_table *table, const struct network_state *state);

/** Whether a machine of a network, or with NULL of any network with a bridge, is attached. */
bool leases_is_attached(const struct network_table *table, const struct network_state *state);

#endif

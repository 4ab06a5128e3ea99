/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_CLAIM_H
#define NETWORK_STATE_CLAIM_H

#include <linux/futex.h>

#include "network/state/table.h"

/*
 * The claim of a process to its lease: its pid in the word of the record. The word is on the list
 * of robust futexes of the process (get_robust_list(2)), so the kernel marks it when the process
 * ends or executes a program, however that happens. Whoever looks for leases of owners that have
 * exited reads words in memory; only of an owner with a marked or an empty word must /proc be
 * asked.
 */
struct claim {
        /* As the kernel reads it. The words are all at the same distance from their entries. */
        struct robust_list_head head;
        struct robust_list entry;        /* of a machine with one lease */
        struct robust_list_head *before; /* the list of the C library */
        void *pages; /* mapping of the part of the file that has the words, and of entries */
        size_t size;
};

/** Claims all committed leases of a machine that an owner has for the calling thread, which has to
 * live as long as its process. The claim must not move until it is released. Without one, for want
 * of memory or because the thread has other robust futexes, everything works and only costs more.
 */
void claim_take(struct claim *claim, const struct network_table *table, const char *machine,
                const struct process_identity *owner);

/** Releases it. Does nothing for a claim that is all zero. */
void claim_release(struct claim *claim);

/** Whether the owner of a lease has exited. */
bool claim_is_dead(const struct network_table *table, const struct network_lease *lease,
                   const char *boot_id);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_ID_TAKEN_H
#define SECURITY_ID_TAKEN_H

#include <stdbool.h>
#include <stddef.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "security/id_map.h"

/* Ids that the host has given to others, by the text of its files: a library call for each would
 * load name service modules. Accounts that only a directory server knows are not seen. */

/** Text of the files that give ids away. */
struct id_taken {
        char *texts[4]; /* in the order of a table in id_taken.c; owned */
};

/** Reads passwd, group, subuid and subgid of a directory ("/etc"); a missing file is an empty one.
 *  0 or -errno. The caller frees *ret with id_taken_clear(). */
int id_taken_read(const char *directory, struct id_taken *ret, struct machine_error *error);

/** Frees what it owns and makes it empty. */
void id_taken_clear(struct id_taken *taken);

#define _cleanup_id_taken_ _cleanup_(id_taken_clear)

/** Whether a range has an id that is given to somebody; *ret_other is then what is in the way. */
bool id_taken_find(const struct id_taken *taken, const struct id_range *range,
                   struct id_range *ret_other);

/** The same for a range that a definition gives: entries of root in subuid and subgid are what root
 *  may use and are not in its way. 0, or -EBUSY with the owner and the file in the error. */
int id_taken_explain(const struct id_taken *taken, const struct id_range *range,
                     struct machine_error *error);

#endif

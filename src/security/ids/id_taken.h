/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_IDS_ID_TAKEN_H
#define SECURITY_IDS_ID_TAKEN_H

#include <stdbool.h>
#include <stddef.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "security/ids/id_map.h"

/* Ids that the host's files assign to others, read as text: a library call for each would load name
 * service modules. Accounts known only to a directory server are not seen. */

/** The files that assign ids. */
struct id_taken {
        char *texts[4]; /* in the order of a table in id_taken.c; owned */
};

/** Reads passwd, group, subuid and subgid in a directory ("/etc"); a missing file counts as empty.
 * Returns 0 or -errno. The caller frees *ret with id_taken_clear(). */
int id_taken_read(const char *directory, struct id_taken *ret, struct machine_error *error);

/** Frees its texts and makes it empty. */
void id_taken_clear(struct id_taken *taken);

#define _cleanup_id_taken_ _cleanup_(id_taken_clear)

/** Whether an id of the range is assigned to another user; *ret_other is then the conflicting
 * range. */
bool id_taken_find(const struct id_taken *taken, const struct id_range *range,
                   struct id_range *ret_other);

/** The same for a range in a definition: root may use the entries of root in subuid and subgid, so
 * they do not conflict. Returns 0, or -EBUSY with the owner and the file in the error. */
int id_taken_explain(const struct id_taken *taken, const struct id_range *range,
                     struct machine_error *error);

#endif

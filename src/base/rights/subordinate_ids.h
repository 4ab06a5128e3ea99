/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_RIGHTS_SUBORDINATE_IDS_H
#define BASE_RIGHTS_SUBORDINATE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <machine/error.h>

#include "base/cleanup.h"

/** The host's ids [base, base + count), mapped to 0 .. count - 1 in a machine. */
struct id_range {
        uint32_t base;
        uint32_t count; /* 0: the machine has the host's ids */
};

/** A user's subordinate ids. */
struct subordinate_ids {
        struct id_range *uids;
        size_t uid_count;
        struct id_range *gids;
        size_t gid_count;
        gid_t *groups; /* lines for one id: groups of the host that he may keep */
        size_t group_count;
};

/**
 * Finds the subordinate ids of the calling user: in /etc/subuid and /etc/subgid, or if
 * nsswitch.conf(5) names a directory service for them, with getsubids(1), which asks it. Returns 0;
 * -ENOENT, with an error that names both ways out, for a user without any; or another -errno. The
 * caller frees them.
 */
int subordinate_ids_find(struct subordinate_ids *ret, struct machine_error *error);
void subordinate_ids_clear(struct subordinate_ids *ids);

#define _cleanup_subordinate_ids_ _cleanup_(subordinate_ids_clear)

/** Whether it is a supplementary group alone that lets the caller open a file, which machines do
 * not have unless they keep it. */
bool group_decides(const char *path, const struct stat *status);

/** Whether the calling user may keep this group. */
bool subordinate_ids_keep(gid_t group);

/** The name of the calling user, outside of his user namespace, also if only a directory service
 * knows it; NULL if nobody does. The caller frees it. */
char *user_find_name(void);

/** The ids as text, "100000:65536", separated by commas; first of users, then, if they differ, of
 * groups. Files of machines depend on them, not on the groups to keep. NULL if out of memory; the
 * caller frees it. */
char *subordinate_ids_text(const struct subordinate_ids *ids);

#endif

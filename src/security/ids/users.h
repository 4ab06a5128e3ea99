/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_IDS_USERS_H
#define SECURITY_IDS_USERS_H

#include <stddef.h>
#include <sys/types.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "security/ids/id_map.h"

/** A user as in a machine's own /etc/passwd and /etc/group. Owns its strings and groups. */
struct machine_user {
        uid_t uid;
        gid_t gid;
        gid_t *groups; /* supplementary; without `gid` */
        size_t group_count;
        char *name;  /* NULL for a number without an entry */
        char *home;  /* absolute path in the machine; default "/" */
        char *shell; /* absolute path in the machine; default "/bin/sh" */
};

#define MACHINE_USER_INIT \
        {                 \
                0         \
        }

/**
 * Finds a user by "name", "uid", "name:group", "uid:gid" or a mixture; NULL is root. Parses the
 * files below root_fd (a descriptor of a directory, may be O_PATH) itself: uses no library or name
 * service of the machine. Digits are always a number, never a name (CVE-2016-3697). A number needs
 * no entry; without one its group is 0, as images expect. If a group is given there are no
 * supplementary groups. Any other form, an invalid id, and an entry with an invalid number are
 * errors. root needs no file. Returns 0 or -errno; the caller frees *ret with machine_user_clear().
 */
int machine_user_find(int root_fd, const char *text, struct machine_user *ret,
                      struct machine_error *error);

/** Adds supplementary groups, by name or number, to those that the user has; names are looked up in
 * the root's /etc/group as above. A group that the user has already is not added. Returns 0 or
 * -errno with error set. */
int machine_user_add_groups(int root_fd, char *const *groups, struct machine_user *user,
                            struct machine_error *error);

/** Checks that user and groups exist in a machine with this range of ids; a count of 0 has all.
 * Returns 0, or -EINVAL with an error that names the missing one. */
int machine_user_check(const struct machine_user *user, const struct id_range *range,
                       struct machine_error *error);

/** Frees the user's strings and groups and makes it empty. */
void machine_user_clear(struct machine_user *user);

#define _cleanup_machine_user_ _cleanup_(machine_user_clear)

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_USERS_H
#define SECURITY_USERS_H

#include <stddef.h>
#include <sys/types.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "security/id_map.h"

/** A user as a machine's own /etc/passwd and /etc/group tell it. Strings and groups are owned. */
struct machine_user {
        uid_t uid;
        gid_t gid;
        gid_t *groups; /* supplementary ones, `gid` is not repeated */
        size_t group_count;
        char *name;  /* NULL for a number that has no entry */
        char *home;  /* absolute path in the machine; "/" where no entry tells one */
        char *shell; /* absolute path in the machine; "/bin/sh" where no entry tells one */
};

#define MACHINE_USER_INIT \
        {                 \
                0         \
        }

/**
 * Finds a user by "name", "uid", "name:group", "uid:gid" and their mixtures; NULL is root. The
 * files are read as text below root_fd (a directory's descriptor, O_PATH will do): no library and
 * no name service of the machine is used. Digits are always a number, never a name (CVE-2016-3697).
 * A number needs no entry; without one its group is 0, as images expect. With a group given there
 * are no supplementary groups. What is not exactly of these forms, a number that is no id, and an
 * entry whose own number cannot be read are errors. root needs no file. 0 or -errno; the caller
 * frees *ret with machine_user_clear().
 */
int machine_user_find(int root_fd, const char *text, struct machine_user *ret,
                      struct machine_error *error);

/** Whether user and groups exist in a machine with this range of ids; a count of 0 has all. 0, or
 *  -EINVAL with an error that names the one that is missing. */
int machine_user_check(const struct machine_user *user, const struct id_range *range,
                       struct machine_error *error);

/** Frees what a user owns and makes it empty. */
void machine_user_clear(struct machine_user *user);

#define _cleanup_machine_user_ _cleanup_(machine_user_clear)

#endif

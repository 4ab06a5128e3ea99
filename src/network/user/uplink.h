/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_USER_UPLINK_H
#define NETWORK_USER_UPLINK_H

#include "base/error.h"
#include "network/user/record.h"

/* The network program: pasta(1), or slirp4netns(1), which connects a user's network namespace to
 * the host's network with the rights of the user. One program serves all of his machines. */

/** The name of the program that is installed, "pasta" or "slirp4netns"; NULL if neither is. */
const char *uplink_program(void);

/** Where a program is started. Borrowed. */
struct uplink_place {
        int directory_fd; /* the network directory, where it logs to, .. */
        const char *path; /* .. and its path */
        int namespace_fd; /* the network namespace, in which its tap exists */
};

/**
 * Starts the program in the background, unless the recorded one is alive, and records it. Must be
 * called in the host's network namespace. One that has ended before it served is started again
 * after a delay that doubles up to a minute, which all supervisors share; with `soon`, because the
 * cause may have gone, one second after the last start. Returns 1 if it was started; 0 if it is
 * running, or is to be started in *ret_wait microseconds; or -errno with error set: -ENOENT if no
 * program is installed.
 */
int uplink_start(struct user_record *record, const struct uplink_place *place, bool soon,
                 uint64_t *ret_wait, struct machine_error *error);

/** Ends the program of a namespace, if it has one, and forgets it. */
void uplink_stop(struct user_record *record, int directory_fd, uint64_t namespace);

/** What the program said before it ended, one line, or NULL. The caller frees it. */
char *uplink_last_words(int directory_fd);

#endif

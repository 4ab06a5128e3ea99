/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_FETCH_GIT_H
#define APPLY_FETCH_GIT_H

#include "apply/fetch/request.h"
#include "base/error.h"

/**
 * Fetches a revision with git(1), which runs as a user without rights, without hooks and without
 * the configuration of the system or of a user. Refuses a revision that is not signed as requested,
 * and unless forced one that does not descend from the current one. Returns 0 or -errno with error
 * set.
 */
int git_fetch(const struct fetch_request *request, struct fetched *fetched,
              struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_FETCH_FETCH_H
#define APPLY_FETCH_FETCH_H

#include "apply/fetch/request.h"
#include "base/error.h"

/**
 * Fetches a tree. That of a directory is the directory itself, not yet checked. Returns 0 or -errno
 * with error set; the caller calls fetched_clear().
 */
int fetch_tree(const struct fetch_request *request, struct fetched *ret,
               struct machine_error *error);

/** Removes temporary files and frees what *fetched holds. */
void fetched_clear(struct fetched *fetched);
#define _cleanup_fetched_ _cleanup_(fetched_clear)

/** Returns whether an origin is a URL for git. */
bool fetch_is_url(const char *origin);

/** The origin as it is recorded: the absolute path of a directory. Returns 0 or -errno with error
 * set; the caller frees *ret. */
int fetch_origin(const char *origin, char **ret, struct machine_error *error);

#endif

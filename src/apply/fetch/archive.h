/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_FETCH_ARCHIVE_H
#define APPLY_FETCH_ARCHIVE_H

#include "apply/fetch/request.h"
#include "base/error.h"
#include "base/rights/command.h"

/** Reads a tar archive from standard input into fetched->temporary. The revision is the commit that
 * git-archive(1) has put into it, or a digest of the content. */
int archive_read_input(struct fetched *fetched, struct machine_error *error);

/** Unpacks the archive in a file with tar(1) as a user without rights. Sets fetched->tree. */
int archive_unpack(int archive, uid_t uid, struct fetched *fetched, struct machine_error *error);

#endif

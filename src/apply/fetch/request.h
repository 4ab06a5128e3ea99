/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_FETCH_REQUEST_H
#define APPLY_FETCH_REQUEST_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/log.h"

/* What must be signed. */
enum fetch_verify {
        FETCH_VERIFY_NOTHING,
        FETCH_VERIFY_COMMIT,
        FETCH_VERIFY_TAG,
};

struct fetch_request {
        const char *origin;   /* a directory, a URL, or "-" */
        const char *revision; /* of git: a branch, a tag or a commit; NULL: the remote's default */
        const char *current;  /* the revision that is applied now, or NULL */
        enum fetch_verify verify;
        const char *signers; /* of git: an allowed-signers file, or a directory with a keyring */
        const char *key;     /* of git: a private key for ssh, or NULL */
        bool submodules;     /* of git: fetch them as well */
        bool force;          /* revisions that do not descend from the current one */
        uid_t trusted_owner; /* of a directory, in addition to root */
        const char *runtime_directory;
        const struct log *log;
};

/** A tree that was fetched. */
struct fetched {
        char *tree;      /* absolute path */
        char *revision;  /* the commit, or a digest of the content */
        char *temporary; /* a directory to remove afterwards, or NULL */
        int lock;        /* on that, as long as it is in use */
};

#define FETCHED_INIT           \
        {                      \
                .lock = -EBADF \
        }

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* What one visit of fts(3) asks for: -errno. */
static int remove_entry(FTSENT *entry)
{
        switch (entry->fts_info) {
        case FTS_D:
                /* A directory without permissions is opened by root all the same. */
                return 0;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
                return entry->fts_errno == ENOENT ? 0 : -entry->fts_errno;
        case FTS_DP:
                return rmdir(entry->fts_accpath) < 0 && errno != ENOENT ? -errno : 0;
        default:
                return unlink(entry->fts_accpath) < 0 && errno != ENOENT ? -errno : 0;
        }
}

int tree_remove(const char *path, char **ret_path)
{
        char *const paths[] = { (char *)path, NULL };
        /* Changing directory on the way, as paths may grow longer than PATH_MAX. */
        FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_XDEV, NULL);
        FTSENT *entry;
        int r = 0;

        if (!tree) {
                return errno == ENOENT ? 0 : -errno;
        }
        while (r == 0 && (errno = 0, entry = fts_read(tree))) {
                r = remove_entry(entry);
                if (r < 0 && ret_path) {
                        *ret_path = strdup(entry->fts_path);
                }
        }
        if (r == 0 && errno != 0 && errno != ENOENT) {
                r = -errno;
        }
        fts_close(tree);
        return r;
}

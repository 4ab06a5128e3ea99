/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_TREE_H
#define IMAGE_UNPACK_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <machine/error.h>

/* A layer's tree in progress. The kernel resolves every path inside the root directory, so that
 * links and ".." in the layer cannot leave it. */

#define TREE_DEPTH_MAX   256
#define TREE_ENTRIES_MAX UINT64_C(8000000)
/** The maximum number of implied directories; more are an attack. */
#define TREE_IMPLIED_MAX 100000

struct tree {
        int root_fd;
        /* The directory of the last entry, which usually contains the next one, too. */
        char parent_path[PATH_MAX];
        int parent_fd; /* or -EBADF */
        bool parent_set_gid;
        void *implied; /* tsearch(3) set of paths */
        size_t implied_count;
        bool replaced;      /* an entry was replaced, so the list of entries is invalid */
        bool default_lists; /* a directory has a default ACL, which new files must not inherit */
};

#define TREE_INIT(fd)                                 \
        {                                             \
                .root_fd = (fd), .parent_fd = -EBADF, \
        }

void tree_clear(struct tree *tree);

/**
 * Cleans a path of a tar: no slash at either end, no "." and "//"; ".." is resolved and stops at
 * the root, which is "". Returns 0, or -ENAMETOOLONG for a path, component or depth beyond the
 * limits.
 */
int tree_clean_path(const char *path, char ret[static PATH_MAX]);

/**
 * Opens the parent directory of the path's last component. Creates missing ones (0755, owned by
 * root) and records them as implied. *ret_name points into path. Returns a descriptor, owned by the
 * tree and valid until the next call, or -errno with error set.
 */
int tree_open_parent(struct tree *tree, const char *path, const char **ret_name,
                     struct machine_error *error);

/** The same without creating anything: fails with -ENOENT or -ENOTDIR as the kernel does. The
 * caller closes the descriptor. */
int tree_find_parent(struct tree *tree, const char *path, const char **ret_name);

/** Removes a file or directory with everything below it. Returns 0 (even if it does not exist) or
 * -errno. */
int tree_take_away(struct tree *tree, int parent_fd, const char *name);

/** Makes the directory opaque and removes the whiteouts in it. Returns 0 or -errno. */
int tree_make_opaque(struct tree *tree, int directory_fd);

/** Records the directory as implied: the layer needs it and does not hold it so far. Returns 0,
 * -E2BIG or -ENOMEM. */
int tree_note_implied(struct tree *tree, const char *path);

/** The path has its own entry now: it is no longer implied. */
void tree_forget_implied(struct tree *tree, const char *path);
bool tree_is_implied(struct tree *tree, const char *path);

/** Forgets the kept directory, which may have moved. */
void tree_forget_parent(struct tree *tree);

/** Calls a function with each implied path, sorted. Stops at a negative return value. */
int tree_each_implied(struct tree *tree, int (*function)(const char *path, void *data), void *data);

#endif

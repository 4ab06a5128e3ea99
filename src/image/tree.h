/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TREE_H
#define IMAGE_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <machine/error.h>

/* A layer's tree while it is being made. Every path is resolved inside the root directory by the
 * kernel: links and ".." that the layer holds cannot lead out of it. */

#define TREE_DEPTH_MAX   256
#define TREE_ENTRIES_MAX UINT64_C(8000000)
/** Directories that a layer writes below without holding them; more than these are an attack. */
#define TREE_IMPLIED_MAX 100000

struct tree {
        int root_fd;
        /* The directory that the last entry was made in: the next one usually is beside it. */
        char parent_path[PATH_MAX];
        int parent_fd; /* or -EBADF */
        bool parent_set_gid;
        void *implied; /* tsearch(3) set of paths */
        size_t implied_count;
        bool replaced;      /* an entry came twice: what was noted of the first is void */
        bool default_lists; /* a directory has a default ACL, which new files must not inherit */
};

#define TREE_INIT(fd)                                 \
        {                                             \
                .root_fd = (fd), .parent_fd = -EBADF, \
        }

void tree_clear(struct tree *tree);

/**
 * Makes a path of a tar plain: no slash at either end, no "." and "//"; ".." goes up, at the root
 * it stays. "" is the root. 0, -ENAMETOOLONG for a path, component or depth beyond the limits.
 */
int tree_clean_path(const char *path, char ret[static PATH_MAX]);

/**
 * Opens the directory that holds the path's last component, making what is missing (0755, root's)
 * and noting it as implied. *ret_name points into path. The descriptor stays the tree's: it is good
 * until the next call. A descriptor, or -errno with error filled.
 */
int tree_open_parent(struct tree *tree, const char *path, const char **ret_name,
                     struct machine_error *error);

/** The same without making anything: -ENOENT, -ENOTDIR as the kernel says. The caller closes it. */
int tree_find_parent(struct tree *tree, const char *path, const char **ret_name);

/** Removes what has the name, whatever it is, with all below it. 0 (also when there was nothing) or
 * -errno. */
int tree_take_away(struct tree *tree, int parent_fd, const char *name);

/** Makes the directory opaque and drops the whiteouts directly in it. 0 or -errno. */
int tree_make_opaque(struct tree *tree, int directory_fd);

/** The layer needs the directory and does not hold it, so far. 0, -E2BIG or -ENOMEM. */
int tree_note_implied(struct tree *tree, const char *path);

/** The path has an entry of its own now: it is not implied. */
void tree_forget_implied(struct tree *tree, const char *path);
bool tree_is_implied(struct tree *tree, const char *path);

/** What was opened may not be where it was. */
void tree_forget_parent(struct tree *tree);

/** Calls a function with each implied path, sorted. Stops at a negative return. */
int tree_each_implied(struct tree *tree, int (*function)(const char *path, void *data), void *data);

#endif

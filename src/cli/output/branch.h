/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_BRANCH_H
#define CLI_OUTPUT_BRANCH_H

#include <stdbool.h>

/* Trees as systemctl list-dependencies(1) draws them, in ASCII where the locale is not UTF-8. */

/** Enough for a machine in the network of another one in .. of a network. */
#define BRANCH_DEPTH 16

/** The lines to the left of what is below a node. A root has an empty one. */
struct branch {
        unsigned int depth;
        bool ended[BRANCH_DEPTH]; /* the node of this depth was the last of its parent */
        bool utf8;
};

/** Of a root, by the locale. */
struct branch branch_root(void);

/** Prints what stands before the text of a node below `branch`: "│ ├─". */
void branch_print(const struct branch *branch, bool last);

/** The same before a further line of text of the node at `branch` itself. `more`: nodes follow
 * below it. */
void branch_print_blank(const struct branch *branch, bool more);

/** What is below a node of `branch`. Nodes deeper than BRANCH_DEPTH are drawn beside their parent.
 */
struct branch branch_below(const struct branch *branch, bool last);

#endif

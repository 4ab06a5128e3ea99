/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_MACHINE_TREE_H
#define CLI_OUTPUT_MACHINE_TREE_H

#include <jansson.h>

#include "cli/common/cli.h"

/*
 * Machines by network, and below each those that share its network, as the members of a pod do: an
 * array of objects with `mode`, `network` (a name, or null in modes without one), `subnet`,
 * `subnet6` and `machines`, in which each has `machines` as well.
 */

/**
 * Makes the tree of machines, which are objects of `list` with `network_of` (a name or null) and
 * `mode` (of the definition, or null if that is not known), and of networks as network_report() has
 * them. NULL if out of memory. The caller frees it.
 */
json_t *machine_tree(const json_t *machines, const json_t *networks);

/** Draws it. */
void machine_tree_print(const struct cli *cli, const json_t *tree);

/** Prints the name of a machine, coloured by its state. */
void machine_tree_print_name(const struct cli *cli, const char *name, const char *state);

#endif

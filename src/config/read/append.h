/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_APPEND_H
#define CONFIG_READ_APPEND_H

#include "config/read/node.h"

/**
 * Applies the group `append` of a file to the file's other keys: its arrays and lists add to those
 * that the file, and files read before it, have set. Anything else in the group is a finding.
 * Returns 0 or -ENOMEM.
 */
int config_apply_append(struct config_node *root, struct diagnostics *diagnostics);

#endif

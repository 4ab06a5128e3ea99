/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_FLAT_H
#define CGROUP_TREE_FLAT_H

#include <stdint.h>

/** Gets the number of a key in a flat keyed file (cgroup-v2, "Format"): lines of "KEY NUMBER".
 * Returns 0, -ENOENT without the key, or -EINVAL if it is not a number. */
int flat_get(const char *text, const char *key, uint64_t *ret);

/** Gets the number of "KEY=NUMBER" in a line of a nested keyed file. Returns as flat_get(). */
int nested_get(const char *line, const char *key, uint64_t *ret);

/** Parses the single number of a file; MACHINE_UNLIMITED for "max". Returns 0 or -EINVAL. */
int value_get(const char *text, uint64_t *ret);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_FLAT_H
#define CGROUP_FLAT_H

#include <stdint.h>

/** The number of a key in a flat keyed text (cgroup-v2, "Format"): lines of "KEY NUMBER". 0,
 *  -ENOENT without that key, -EINVAL for what is no number. */
int flat_get(const char *text, const char *key, uint64_t *ret);

/** The number of "KEY=NUMBER" in one line of a nested keyed text. As flat_get(). */
int nested_get(const char *line, const char *key, uint64_t *ret);

/** A file's single number; MACHINE_UNLIMITED for "max". 0 or -EINVAL. */
int value_get(const char *text, uint64_t *ret);

#endif

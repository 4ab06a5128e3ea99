/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_IDS_ID_EXTENT_H
#define SECURITY_IDS_ID_EXTENT_H

#include <stddef.h>
#include <stdint.h>

#include <machine/machine.h>

#include "security/ids/id_map.h"

/* The lines of a process's uid_map and gid_map (user_namespaces(7)): `machine` is the first id in
 * its user namespace, `host` the same in the reader's; in its own map, in the parent of it. */

/** Reads a map, such as "/proc/self/uid_map", sorted by `machine`. Returns 0 or -errno; the caller
 * frees *ret. */
int id_extents_read(const char *path, struct machine_id_map **ret, size_t *ret_count);

/** The number of ids from 0 on without a gap. */
uint32_t id_extents_size(const struct machine_id_map *extents, size_t count);

/**
 * Splits the lines of a child's map at the ends of the extents: the kernel accepts no line that
 * spans two extents of the parent's map. Ids that the extents lack are left out. Returns 0 or
 * -ENOMEM; the caller frees *ret.
 */
int id_extents_split(const struct machine_id_map *extents, size_t count,
                     const struct machine_id_map *lines, size_t line_count,
                     struct machine_id_map **ret, size_t *ret_count);

/** Translates outside ids to inside ones. Returns 0, or -ERANGE if no extent has all of them. */
int id_extents_translate(const struct machine_id_map *extents, size_t count,
                         const struct id_range *outside, struct id_range *ret);

#endif

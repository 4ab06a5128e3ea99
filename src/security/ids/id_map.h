/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_IDS_ID_MAP_H
#define SECURITY_IDS_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>
#include <machine/machine.h>

#include "base/cleanup.h"
#include "base/rights/subordinate_ids.h"

/** The pool of automatic ranges: systemd's range for containers, so that the host's tools recognize
 * such ids. */
#define ID_RANGE_AUTO_FIRST UINT32_C(524288)
#define ID_RANGE_AUTO_LAST  UINT32_C(1878982656)
#define ID_RANGE_AUTO_COUNT UINT32_C(65536)

/** A range that is reserved as long as the descriptor is open. */
struct id_lease {
        struct id_range range;
        int fd;
};

#define ID_LEASE_INIT            \
        {                        \
                { 0, 0 }, -EBADF \
        }

/**
 * Reserves the range of a machine: the one in its definition or, with AUTO, one of 65536 ids that
 * starts at a multiple of 65536 within 524288..1878982656: the one that the machine's name hashes
 * to if it is free, else the next free one. A range is free if no other lease, entry of /etc/subuid
 * and /etc/subgid, host account or systemd-nspawn machine uses a part of it.
 *
 * The lease is a lock on those bytes of one file in the runtime directory, held by *ret's
 * descriptor (O_CLOEXEC): the kernel detects overlaps, and releases it however its holder dies.
 * With `user_namespace = "none"` the lease is empty. Returns 0; -EBUSY, with an error that names
 * the holder, for a configured range in use; or another -errno. The caller ends it with
 * id_lease_release().
 */
int id_range_acquire(const char *runtime_directory, const struct machine *machine,
                     struct id_lease *ret, struct machine_error *error);

/**
 * The range of a machine that a user starts, in ids of his user namespace, which is the caller's:
 * all of them, with SELF the first, or the configured part of his subordinate ids. Users share
 * nothing, so nothing is reserved. Returns 0 or -errno with error set.
 */
int id_range_of_user(const struct machine_namespaces *given, struct id_range *ret,
                     struct machine_error *error);

/** The number of ids from 0 on that the caller's user namespace has, users and groups alike. */
uint32_t user_namespace_size(void);

/** The number of ids from 0 on in the user namespace of another process; 0 if it cannot be read. */
uint32_t user_namespace_size_of(pid_t pid);

/**
 * Translates ids of the parent of the caller's user namespace to ids in it. Returns 0, or -ERANGE
 * if not all of them are in one line of its maps for both users and groups.
 */
int user_namespace_translate(const struct id_range *outside, struct id_range *ret);

/** Translates the host's side of maps in the same way. Returns 0; -ERANGE, with an error that names
 * them, for ids that the caller's user namespace lacks; or another -errno. */
int id_maps_translate(struct machine_id_maps *maps, struct machine_error *error);

/** Ends a lease. An empty one is allowed. */
void id_lease_release(struct id_lease *lease);

#define _cleanup_id_lease_ _cleanup_(id_lease_release)

/**
 * Creates a user namespace with the map of the range and no process in it, for MOUNT_ATTR_IDMAP.
 * *ret_fd is its descriptor, O_CLOEXEC. Returns 0, or -errno with the reason in the error (a sysctl
 * that forbids user namespaces, too many of them, ids missing in this process's own namespace).
 */
int user_namespace_create(const struct id_range *range, int *ret_fd, struct machine_error *error);

/**
 * Writes uid_map and gid_map of a process in a new user namespace, from its parent namespace. The
 * process must not have acted as root of its namespace before. Returns 0 or -errno as above.
 */
int id_maps_write_lines(pid_t pid, const struct machine_id_maps *maps, struct machine_error *error);

/** Like user_namespace_create(), for maps of several lines. */
int user_namespace_create_mapped(const struct machine_id_maps *maps, int *ret_fd,
                                 struct machine_error *error);

/** Reads the maps of a user namespace that somebody else made, as seen from the caller's. The
 * caller frees both arrays of *ret. Returns 0 or -errno with error set. */
int id_maps_of_namespace(int user_namespace, struct machine_id_maps *ret,
                         struct machine_error *error);

/** Translates an id of a machine to the host's. *ret is unchanged and the result false if no line
 * has it. */
bool id_map_translate(const struct machine_id_map *lines, size_t count, uint32_t id, uint32_t *ret);

/** Explains why the kernel refused a new user namespace (clone3(2) or unshare(2) with CLONE_NEWUSER
 * failed with `number`). Returns -number. */
int user_namespace_explain(int number, struct machine_error *error);

/** Checks that this process has capabilities in the user namespace that it has just created:
 * AppArmor takes them away where it restricts user namespaces. Returns 0, or -EPERM with an error
 * that names the way out. */
int user_namespace_check(struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_ID_MAP_H
#define SECURITY_ID_MAP_H

#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>
#include <machine/machine.h>

#include "base/cleanup.h"

/** The host's ids [base, base + count) that are 0 .. count - 1 in a machine. */
struct id_range {
        uint32_t base;
        uint32_t count; /* 0: the machine has the host's ids */
};

/** Where ranges are taken from that no definition gives: systemd's range for containers, so that
 *  host and users know such ids when they see them. */
#define ID_RANGE_AUTO_FIRST UINT32_C(524288)
#define ID_RANGE_AUTO_LAST  UINT32_C(1878982656)
#define ID_RANGE_AUTO_COUNT UINT32_C(65536)

/** A range that is nobody else's as long as the descriptor is open. */
struct id_lease {
        struct id_range range;
        int fd;
};

#define ID_LEASE_INIT            \
        {                        \
                { 0, 0 }, -EBADF \
        }

/**
 * Takes the range of a machine: the one its definition gives, or with AUTO one of 65536 ids that
 * starts at a multiple of 65536 within 524288..1878982656: the one that the machine's name hashes
 * to when that is free, else the next free one. A range is free when no other lease, no entry of
 * /etc/subuid and /etc/subgid, no host account and no systemd-nspawn machine has a part of it.
 *
 * The lease is a lock on those bytes of one file in the runtime directory, held by *ret's
 * descriptor (O_CLOEXEC): the kernel finds overlaps, and releases it when its holder has died,
 * however. With `user_namespace = "none"` an empty lease is given. 0; -EBUSY with the holder's name
 * in the error for a given range that is in use; other -errno. The caller ends it with
 * id_lease_release().
 */
int id_range_acquire(const char *runtime_directory, const struct machine *machine,
                     struct id_lease *ret, struct machine_error *error);

/** Ends a lease. An empty one is fine. */
void id_lease_release(struct id_lease *lease);

#define _cleanup_id_lease_ _cleanup_(id_lease_release)

/**
 * A user namespace with the map of the range and no process in it, for MOUNT_ATTR_IDMAP. *ret_fd is
 * its descriptor, O_CLOEXEC. 0, or -errno with the reason in the error (a sysctl that forbids user
 * namespaces, their number used up, ids that this process' own namespace lacks).
 */
int user_namespace_create(const struct id_range *range, int *ret_fd, struct machine_error *error);

/**
 * Writes uid_map and gid_map of a process in a new user namespace, from its parent namespace. The
 * process must not have done anything as root of its namespace before. 0 or -errno as above.
 */
int id_maps_write(pid_t pid, const struct id_range *range, struct machine_error *error);

/** Tells why the kernel refused a new user namespace (clone3(2) or unshare(2) with CLONE_NEWUSER
 * failed with `number`). Returns -number. */
int user_namespace_explain(int number, struct machine_error *error);

#endif

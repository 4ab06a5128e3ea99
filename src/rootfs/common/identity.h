/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_COMMON_IDENTITY_H
#define ROOTFS_COMMON_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/error.h>

/** The host's ids of a machine's root, and the state to restore after assuming them. */
struct identity {
        uid_t uid;
        gid_t gid;
        bool mapped; /* they are not the host's own root */
        bool assumed;
        int secure_bits; /* to restore */
        int dumpable;    /* to restore */
        mode_t mask;     /* to restore */
};

/**
 * Creates files as the machine's root from here on: sets the file-system ids (setfsuid(2)) and a
 * umask of 0. All capabilities stay, because SECBIT_NO_SETUID_FIXUP prevents the kernel from
 * dropping those for file systems with the id (capabilities(7)). An overlay that is mounted in this
 * state keeps these credentials: with those of the host's root, which the id map does not contain,
 * it could not write to its idmapped work directory and would become read-only. 0 or -errno with
 * error set.
 */
int identity_assume(struct identity *identity, struct machine_error *error);

/** Restores the previous state; does nothing if no identity was assumed. */
void identity_restore(struct identity *identity);

#endif

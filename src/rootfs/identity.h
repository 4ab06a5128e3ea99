/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_IDENTITY_H
#define ROOTFS_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/error.h>

/** The host's ids of a machine's root, and what they replace while they are assumed. */
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
 * Makes files from here on as the machine's root: file-system ids (setfsuid(2)) and a file mode
 * mask of 0. All capabilities stay, because SECBIT_NO_SETUID_FIXUP keeps the kernel from dropping
 * those of the file system with the id (capabilities(7)). An overlay that is mounted meanwhile
 * keeps these credentials: with plain root's, which an id map does not hold, it could not write
 * into its idmapped work directory and would turn read-only. 0 or -errno with the error filled.
 */
int identity_assume(struct identity *identity, struct machine_error *error);

/** Goes back to what was before; nothing where nothing was assumed. */
void identity_restore(struct identity *identity);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_DISK_SIGNATURE_H
#define ROOTFS_DISK_SIGNATURE_H

#include "base/disk/verity.h"
#include "rootfs/disk/disk.h"

/* Signatures of root hashes are compared with the kernel's keyring, or with the certificates of the
 * host. */

#define SIGNATURE_DIRECTORY    "/etc/verity.d"
#define SIGNATURE_CERTIFICATES SIGNATURE_DIRECTORY "/*.crt"

#define SIGNATURE_KEY_BYTES 40

/** Gives a signature to the kernel, for devices that this thread makes. Returns the key, whose name
 * is then in ret, or -errno. */
int signature_add_key(const struct disk_signature *signature, char ret[static SIGNATURE_KEY_BYTES]);

void signature_remove_key(int key);

/** Whether the host has certificates. */
bool signature_has_certificates(void);

/**
 * Compares the signature of source->root_hash with the certificates of the host. by_kernel is why
 * the kernel does not accept it, for the error. 0, and *ret is whose signature it is, "certificate
 * PATH", which the caller frees; or -errno with error set: -EKEYREJECTED if it is nobody's.
 */
int signature_check(const struct disk_source *source, int by_kernel, char **ret,
                    struct machine_error *error);

#endif

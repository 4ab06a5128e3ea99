/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_INSIDE_DECRYPT_H
#define ROOTFS_INSIDE_DECRYPT_H

#include <stddef.h>

#include <machine/machine.h>

/**
 * Decrypts a credential by systemd-creds(1), with the key of the host or of its TPM and for the
 * credential's name, or by age(1), with the identity in /etc/machinectl-lite/age.key or, of a user,
 * ~/.config/machinectl-lite/age.key. The plain text
 * is only in a pipe and in memory; the caller wipes and frees *ret. Returns 0 or -errno with error
 * set; -EFBIG for more than `maximum` bytes.
 */
int decrypt(const struct machine_credential *credential, const char *data, size_t length,
            size_t maximum, char **ret, size_t *ret_length, struct machine_error *error);

#endif

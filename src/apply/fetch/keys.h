/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_FETCH_KEYS_H
#define APPLY_FETCH_KEYS_H

#include "apply/fetch/request.h"
#include "base/error.h"

/** An allowed-signers file (gpg.ssh.allowedSignersFile of git-config(1)), or a directory with a
 * keyring (GNUPGHOME of gpg(1)), of the host. */
#define FETCH_SIGNERS "/etc/machinectl-lite/allowed_signers"

/**
 * Copies the keys that git needs to the home of the user that it runs as: the signers that --verify
 * accepts, and the private key for ssh. Both are files of the host that only root can change.
 * Returns 0 or -errno with error set.
 */
int keys_install(const struct fetch_request *request, const char *home, uid_t uid,
                 struct machine_error *error);

#endif

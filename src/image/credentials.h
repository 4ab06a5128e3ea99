/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_CREDENTIALS_H
#define IMAGE_CREDENTIALS_H

#include <machine/error.h>

#include "base/cleanup.h"

/** What a registry is told who we are; all NULL: nothing. */
struct credentials {
        char *user;
        char *password;
        char *identity_token; /* to be exchanged for an access token */
};

/**
 * Looks for credentials where Podman and Docker keep them: $REGISTRY_AUTH_FILE,
 * $XDG_RUNTIME_DIR/containers/auth.json (/run/containers/0/auth.json for root), then
 * ~/.config/containers/auth.json and ~/.docker/config.json. In each the longest path that is a
 * prefix of "DOMAIN/REPOSITORY" wins; "credHelpers" and "credsStore" name programs that are asked.
 * 0, with *ret empty where there are none, or -errno where a file or a helper is broken.
 */
int credentials_find(const char *domain, const char *repository, struct credentials *ret,
                     struct machine_error *error);

/** Reads them from one file's text; for tests and fuzzing. 1 where there were some, 0, or -errno.
 */
int credentials_read(const char *text, size_t length, const char *domain, const char *repository,
                     const char *what, struct credentials *ret, struct machine_error *error);

void credentials_clear(struct credentials *credentials);
#define _cleanup_credentials_ _cleanup_(credentials_clear)

#endif

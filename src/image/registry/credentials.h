/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REGISTRY_CREDENTIALS_H
#define IMAGE_REGISTRY_CREDENTIALS_H

#include <machine/error.h>

#include "base/cleanup.h"
#include "base/log.h"

/** Credentials for a registry; all NULL if there are none. */
struct credentials {
        char *user;
        char *password;
        char *identity_token; /* to be exchanged for an access token */
};

/**
 * Looks for credentials in the files of Podman and Docker: $REGISTRY_AUTH_FILE,
 * $XDG_RUNTIME_DIR/containers/auth.json (/run/containers/0/auth.json for root), then
 * ~/.config/containers/auth.json and ~/.docker/config.json. In each file the longest path that is a
 * prefix of "DOMAIN/REPOSITORY" wins; "credHelpers" and "credsStore" name programs to run. If a
 * helper is not installed, a warning is logged. Returns 0, with *ret empty if there are no
 * credentials, or -errno if a file or a helper is broken.
 */
int credentials_find(const char *domain, const char *repository, const struct log *log,
                     struct credentials *ret, struct machine_error *error);

/** Reads credentials from a file's text; for tests and fuzzing. Returns 1 if there are some, 0, or
 * -errno. */
int credentials_read(const char *text, size_t length, const char *domain, const char *repository,
                     const char *what, const struct log *log, struct credentials *ret,
                     struct machine_error *error);

void credentials_clear(struct credentials *credentials);
#define _cleanup_credentials_ _cleanup_(credentials_clear)

#endif

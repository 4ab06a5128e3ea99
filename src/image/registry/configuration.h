/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REGISTRY_CONFIGURATION_H
#define IMAGE_REGISTRY_CONFIGURATION_H

#include <stdbool.h>

#include <machine/error.h>

#include "base/cleanup.h"

#define REGISTRIES_FILE "/etc/machinectl-lite/registries.conf"

/**
 * The servers to use for a registry. The file, in libconfig's syntax, is optional:
 *
 *   registries = (
 *     { name = "docker.io"; mirrors = [ "mirror.example.org", "http://10.0.0.5:5000" ]; },
 *     { name = "registry.lan:5000"; insecure = true; }
 *   );
 *
 * insecure: plain HTTP. A mirror is a host, or a URL whose scheme selects HTTP or HTTPS.
 */
struct registry_settings {
        bool insecure;
        char **mirrors; /* as written */
};

/** Reads the settings of one registry. path NULL: the default file, which may be missing. Returns 0
 * or -errno. */
int registries_read(const char *path, const char *domain, struct registry_settings *ret,
                    struct machine_error *error);

void registry_settings_clear(struct registry_settings *settings);
#define _cleanup_registry_settings_ _cleanup_(registry_settings_clear)

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_HOST_H
#define CONFIG_HOST_H

#include <stdbool.h>

#include "base/error.h"

/** The labels of this host, one NAME=VALUE a line; empty lines and lines with "#" are ignored. */
#define CONFIG_HOST_LABELS "/etc/machines/host.labels"

/** A host as `hosts` in definitions refers to it. */
struct config_host {
        char *name;
        char **labels; /* "NAME=VALUE" */
};

void config_host_clear(struct config_host *host);
#define _cleanup_config_host_ _cleanup_(config_host_clear)

/** Reads a host's labels from a file; a missing one has none. name is NULL for this host. Returns 0
 * or -errno with error set. */
int config_host_read(const char *name, const char *labels, struct config_host *ret,
                     struct machine_error *error);

/** Returns whether a machine with these `hosts` (NULL: all) belongs on a host. */
bool config_host_is_among(const struct config_host *host, char *const *hosts);

#endif

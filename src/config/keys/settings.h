/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_KEYS_SETTINGS_H
#define CONFIG_KEYS_SETTINGS_H

#include "config/read/loader.h"
#include "config/read/options.h"

/**
 * Merges the settings of the command line into a tree, as its last layer. `--set` replaces; the
 * shorthands of keys that hold several values (--port, --mount, --env) add to them. Invalid values
 * and unknown keys are findings. 0 or -errno.
 */
int config_settings_apply(struct config_loader *loader, const struct config_options *options,
                          struct config_node *root, struct machine_error *error);

/** The value of the last `--name`, or NULL. */
const char *config_settings_name(const struct config_options *options);

#endif

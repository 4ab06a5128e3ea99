/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_SPECIFIER_H
#define CONFIG_READ_SPECIFIER_H

#include "config/read/node.h"

/**
 * Expands the specifiers in the strings of a template's instance, as systemd.unit(5) has them:
 * %i the instance, %p the template, %H and %l the host's name, whole and up to the first dot, %m
 * its machine id, %b its boot id, %v the kernel's release, %% a percent sign. `name` is the
 * machine's, "TEMPLATE@INSTANCE". Only strings of sources with `template` set are expanded. Any
 * other specifier is a finding. 0 or -errno with error set.
 */
int config_expand_specifiers(struct config_node *tree, struct diagnostics *diagnostics,
                             const char *name, struct machine_error *error);

#endif

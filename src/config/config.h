/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <machine/machine.h>
#include <machine/network.h>
#include <machine/volume.h>

#include "base/error.h"
#include "config/diagnostics/diagnostics.h"
#include "config/keys/apply.h"
#include "config/read/options.h"
#include "config/read/search.h"

/**
 * Definitions: loads `.machine`, `.network` and `.volume` files and command line settings into
 * plain structs.
 */

struct config_definition;

/**
 * Loads a machine.
 *
 * name_or_path is a path if it contains a slash or ends with ".machine". "-" is standard input,
 * NULL a machine without a file, made from the settings alone. Anything else is a name to search
 * for. options may be NULL.
 *
 * Findings about the definition go to diagnostics, warnings also on success. Returns 0 or -errno
 * with error set: kind NO_INPUT if there is no such file or machine, DEFINITION if diagnostics
 * holds errors (the error is then only a summary), USAGE for an invalid setting. The caller frees
 * the machine with machine_free().
 */
int config_load(const char *name_or_path, const struct config_options *options,
                struct diagnostics *diagnostics, struct machine **ret, struct machine_error *error);

/**
 * Like config_load(), but keeps the tree. If the definition has errors, this returns 0 with the
 * machine filled as far as possible and the errors in diagnostics. The caller frees it with
 * config_definition_free().
 */
int config_definition_open(const char *name_or_path, const struct config_options *options,
                           struct diagnostics *diagnostics, struct config_definition **ret,
                           struct machine_error *error);

/**
 * Reads settings alone, to change a running machine: each value is checked by itself, other keys
 * stay unset, and required keys may be missing. *ret has the name "settings". Otherwise like
 * config_load().
 */
int config_load_settings(const struct config_options *options, struct diagnostics *diagnostics,
                         struct machine **ret, struct machine_error *error);

/** Loads a machine from a text without includes and drop-ins. Returns 0, -EINVAL for a text with
 * errors, or -ENOMEM. The caller frees *ret with machine_free(). */
int config_load_text(const char *name, const char *text, struct machine **ret);

/** The names of the machines that must run for this one to run: those in `requires`, and the one
 * whose network it shares. 0 or -ENOMEM; the caller frees *ret, NULL for none. */
int config_requirements(const struct machine *machine, char ***ret);

/** The bridged networks that a machine joins, the first one first. Returns 0 or -ENOMEM. */
int config_network_names(const struct machine *machine, char ***ret);

/**
 * Loads a network: a path if it contains a slash or ends with ".network", otherwise a name to look
 * up in the search path. The name "default" exists without a file. Errors as above. The caller
 * frees the network with network_definition_free().
 */
int config_load_network(const char *name_or_path, const struct config_options *options,
                        struct diagnostics *diagnostics, struct network_definition **ret,
                        struct machine_error *error);

/**
 * Loads a volume: a path if it contains a slash or ends with ".volume", otherwise a name to look up
 * in the search path. A volume without a file has the defaults. Errors as above. The caller frees
 * the volume with volume_definition_free().
 */
int config_load_volume(const char *name_or_path, const struct config_options *options,
                       struct diagnostics *diagnostics, struct volume_definition **ret,
                       struct machine_error *error);

/** Loads a volume that a machine mounts: a file next to its definition comes first. Findings are
 * part of the error. */
int config_load_volume_of(const struct machine *machine, const char *name,
                          const struct config_options *options, struct volume_definition **ret,
                          struct machine_error *error);

void config_apply_clear(struct config_apply *apply);
#define _cleanup_config_apply_ _cleanup_(config_apply_clear)

/** Reads CONFIG_APPLY_FILE, in the syntax of definitions. Errors as above. The caller clears *ret.
 */
int config_load_apply(const char *path, const struct config_options *options,
                      struct diagnostics *diagnostics, struct config_apply *ret,
                      struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <machine/machine.h>
#include <machine/network.h>

#include "base/error.h"
#include "config/diagnostics.h"

/**
 * Definitions: from `.machine` and `.network` files, or the command line, to a plain struct.
 */

/** One setting of the command line: option "set" with "KEY=VALUE", or a shorthand with its value.
 */
struct config_setting {
        const char *option; /* without dashes: "set", "memory", .. */
        const char *value;
};

struct config_options {
        /* Directories of definitions, separated by colons. NULL: MACHINECTL_LITE_CONFIG_PATH of the
         * environment, or the built-in ones. */
        const char *search_path;
        const struct config_setting
                *settings; /* the last layer, in the order of the command line */
        size_t setting_count;
        bool standard_input; /* the name "-" may read the definition from standard input */
};

/**
 * Loads a machine.
 *
 * name_or_path holds a slash or ends with ".machine": a path. "-": standard input. NULL: a machine
 * without a file, made of the settings alone. Else a name that is searched for. options may be
 * NULL.
 *
 * Findings about the definition go to diagnostics, warnings also on success. Returns 0, or a
 * negative errno with the error filled: kind NO_INPUT where there is no such file or machine,
 * DEFINITION where diagnostics holds errors (the error is then only a summary), USAGE for a setting
 * that is none. The caller frees the machine with machine_free().
 */
int config_load(const char *name_or_path, const struct config_options *options,
                struct diagnostics *diagnostics, struct machine **ret, struct machine_error *error);

/**
 * Reads settings alone, for what changes a machine that runs: each value is checked by itself, what
 * is not given stays unset, and nothing that a whole definition needs is asked for. *ret has the
 * name "settings". Otherwise as config_load().
 */
int config_load_settings(const struct config_options *options, struct diagnostics *diagnostics,
                         struct machine **ret, struct machine_error *error);

/**
 * Loads a network: a path where it holds a slash or ends with ".network", else a name that is
 * searched for in the search path. The name "default" exists without a file. Errors as above. The
 * caller frees the network with network_definition_free().
 */
int config_load_network(const char *name_or_path, const struct config_options *options,
                        struct diagnostics *diagnostics, struct network_definition **ret,
                        struct machine_error *error);

/**
 * The names of all machines that the search path holds, each once, sorted. search_path as in struct
 * config_options. 0 or -errno; directories that do not exist are fine. The caller frees *ret with
 * strv_free().
 */
int config_list_machines(const char *search_path, char ***ret, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_LOAD_H
#define MACHINE_LOAD_H

#include <machine/error.h>
#include <machine/machine.h>

MACHINE_BEGIN_DECLARATIONS;

/**
 * Loads a machine's definition: reads it with its includes and drop-ins, and checks it.
 *
 * name_or_path is a path if it contains a slash or ends with ".machine", else a name to find in
 * search_path, a colon-separated list of directories (NULL: the environment variable
 * MACHINECTL_LITE_CONFIG_PATH, or /etc/machines and the other default directories).
 *
 * *ret_findings is set to everything found about the definition, as text for people, or NULL
 * without findings; on success it may contain warnings. ret_findings may be NULL. The caller frees
 * it with free().
 *
 * Returns 0, or a negative errno with error set: kind MACHINE_ERROR_NO_INPUT if there is no such
 * file or machine, MACHINE_ERROR_DEFINITION if the definition is invalid, as described by the
 * findings. The caller frees *ret with machine_free().
 */
int machine_load(const char *name_or_path, const char *search_path, struct machine **ret,
                 char **ret_findings, struct machine_error *error);

MACHINE_END_DECLARATIONS;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_LOAD_H
#define MACHINE_LOAD_H

#include <machine/error.h>
#include <machine/machine.h>

#ifdef __GNUC__
#        pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

/**
 * Loads a machine's definition: reads it with all that it includes and its drop-ins, and checks it.
 *
 * name_or_path is a path where it holds a slash or ends with ".machine", else a name that is
 * searched for in search_path, directories separated by colons (NULL: MACHINECTL_LITE_CONFIG_PATH
 * of the environment, or /etc/machines and the other usual ones).
 *
 * Everything that was found about the definition goes to *ret_findings as text for a person, NULL
 * where there is nothing to say; warnings also on success. ret_findings may be NULL. The caller
 * frees it with free().
 *
 * Returns 0, or a negative errno with the error filled: kind MACHINE_ERROR_NO_INPUT where there is
 * no such file or machine, MACHINE_ERROR_DEFINITION where the definition is wrong, which the
 * findings tell. The caller frees *ret with machine_free().
 */
int machine_load(const char *name_or_path, const char *search_path, struct machine **ret,
                 char **ret_findings, struct machine_error *error);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#        pragma GCC visibility pop
#endif

#endif

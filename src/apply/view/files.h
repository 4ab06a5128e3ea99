/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_VIEW_FILES_H
#define APPLY_VIEW_FILES_H

#include "config/check/definition.h"

/** Lists what a tree has for a host: the names of machines and pods, networks, and volumes, sorted
 * and each once. The caller frees them with strv_free(). */
int view_list_files(const char *tree, const char *host, char ***ret_machines, char ***ret_networks,
                    char ***ret_volumes, struct machine_error *error);

/** Reports what would write to files of the tree, which stay as they were applied. Returns 0 or
 * -ENOMEM. */
int view_check_files(const char *tree, struct config_definition *definition);

#endif

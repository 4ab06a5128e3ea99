/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SEARCH_H
#define CONFIG_SEARCH_H

#include "base/error.h"

/** Where definitions are. */
struct config_found {
        char *path;      /* the file, as it is to be shown and opened */
        char *name;      /* without the suffix */
        char **drop_ins; /* paths, in the order in which they apply */
};

/** Frees what it holds. */
void config_found_clear(struct config_found *found);

/** The directories of a search path (NULL: as struct config_options says). The caller frees them
 * with strv_free(). 0 or -ENOMEM. */
int config_search_directories(const char *search_path, char ***ret);

/**
 * Finds a definition and its drop-ins, NAME.machine.d/\*.machine. suffix is ".machine" or
 * ".network". A name that holds a slash or ends with the suffix is a path, whose drop-ins lie
 * beside it; else the first directory that has NAME.machine gives the file, and all give drop-ins,
 * where one hides those of the same file name in later directories. Drop-ins apply in the order of
 * their names. 0 or -errno, with the error filled; -ENOENT (kind NO_INPUT) where there is none.
 */
int config_find(const char *name_or_path, const char *suffix, const char *search_path,
                struct config_found *ret, struct machine_error *error);

#endif

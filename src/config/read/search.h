/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_SEARCH_H
#define CONFIG_READ_SEARCH_H

#include "base/error.h"

/** The search path of definitions. */
struct config_found {
        char *path;      /* the file, to show and to open */
        char *name;      /* without the suffix; of a template, which ends with "@", no instance */
        char *file;      /* the name of the file, which for an instance of a template need not
                          * exist: "web@blue.machine" stands for "web@.machine" */
        char **drop_ins; /* paths, in the order in which they apply */
        char **directories; /* the directories searched for it and its drop-ins; some may not exist
                             */
};

/** Frees what it holds. */
void config_found_clear(struct config_found *found);

/**
 * The directories of a search path (NULL: as struct config_options says) in which the definition of
 * that name is looked for, or with NULL those of all names; see config/read/stored.h for those of
 * stored trees. The caller frees them with strv_free(). 0 or -ENOMEM.
 */
int config_search_directories(const char *search_path, const char *name, char ***ret);

/**
 * Finds a definition and its drop-ins, NAME.machine.d/\*.machine. suffix is ".machine" or
 * ".network". A name that contains a slash or ends with the suffix is a path, whose drop-ins are
 * next to it. Otherwise the file is from the first directory that has NAME.machine, and drop-ins
 * are from all directories: one hides those of the same name in later directories. Drop-ins apply
 * in the order of their names.
 *
 * An instance "web@blue" that has no file is made from the template web@.machine; the template's
 * drop-ins come with its own. 0 or -errno with error set; -ENOENT (kind NO_INPUT) if there is
 * none.
 */
int config_find(const char *name_or_path, const char *suffix, const char *search_path,
                struct config_found *ret, struct machine_error *error);

/** Finds the definition of a machine as config_find() does, or of a pod of that name. */
int config_find_machine(const char *name_or_path, const char *search_path, struct config_found *ret,
                        struct machine_error *error);

/** The path of NAME.suffix next to the file `definition` (NULL: none), or NULL in *ret if there is
 * no such file. 0 or -ENOMEM; the caller frees *ret. */
int config_find_beside(const char *definition, const char *name, const char *suffix, char **ret);

/**
 * The names of all machines in the search path, sorted, without duplicates and without templates
 * (`templates`: with them). search_path as in struct config_options. Missing directories are
 * ignored. 0 or -errno. The caller frees *ret with strv_free().
 */
int config_list_machines(const char *search_path, bool templates, char ***ret,
                         struct machine_error *error);

#endif

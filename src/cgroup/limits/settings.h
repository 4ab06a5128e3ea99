/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_SETTINGS_H
#define CGROUP_LIMITS_SETTINGS_H

#include <machine/machine.h>

#include "cgroup/tree/tree.h"

/* Translates limits to files of a group: a list of values to write. */

struct setting {
        const char *key; /* in the definition, "limits.memory" */
        enum cgroup_controller controller;
        char *file;  /* "memory.max" */
        char *value; /* in the kernel's format */
        char *old;   /* restores the old value; set when it is written to a running machine */
        /* Only some kernels have the file; without it the setting is not needed, or another one
         * with the same key replaces it. */
        bool optional;
        bool raw;  /* as the definition has it: not understood */
        bool skip; /* is optional, and missing */
};

struct settings {
        struct setting *items;
        size_t count;
};

#define SETTINGS_INIT   \
        {               \
                NULL, 0 \
        }

void settings_free(struct settings *settings);
#define _cleanup_settings_ _cleanup_(settings_free)

/**
 * Lists the values for all given limits. With `swap_default` it includes the default of swap, 0
 * with a memory limit. *warnings as in cgroup_apply_limits(). Returns 0 or -errno.
 */
int settings_from_limits(const struct machine_limits *limits, bool swap_default, char ***warnings,
                         struct settings *ret, struct machine_error *error);

/** The text that restores a file's previous content, as read from it: io.max and io.weight also
 * have lines for other devices, and an empty list of CPUs is written as an empty line. `value` is
 * what was written since. NULL if out of memory. */
char *setting_undo_text(const char *file, const char *value, const char *text);

#endif

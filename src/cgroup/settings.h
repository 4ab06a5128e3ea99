/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_SETTINGS_H
#define CGROUP_SETTINGS_H

#include <machine/machine.h>

#include "cgroup/tree.h"

/* What limits mean in the files of a group: a list of values to write. */

struct setting {
        const char *key; /* of the definition, "limits.memory" */
        enum cgroup_controller controller;
        char *file;  /* "memory.max" */
        char *value; /* as the kernel reads it */
        char *old;   /* what puts it back; filled when it is written to a machine that runs */
        /* The file is there on some kernels only; where it is not, the setting is not needed or
         * another one with the same key does its work. */
        bool optional;
        bool skip; /* is optional, and not there */
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
 * Lists the values for every limit that is given. The default of swap, 0 with a memory limit, is in
 * it when `swap_default` says so. *warnings as in cgroup_apply_limits(). Appends nothing for what
 * is not given. 0 or -errno.
 */
int settings_from_limits(const struct machine_limits *limits, bool swap_default, char ***warnings,
                         struct settings *ret, struct machine_error *error);

/** The kernel's text that puts a file back to what it read: io.max and io.weight hold lines for
 *  other devices as well, an empty list of CPUs is written as an empty line. `value` is what has
 *  been written since. NULL when memory is short. */
char *setting_undo_text(const char *file, const char *value, const char *text);

#endif

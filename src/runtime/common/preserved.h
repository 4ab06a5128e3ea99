/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_PRESERVED_H
#define RUNTIME_COMMON_PRESERVED_H

#include "runtime/common/arguments.h"

/** Descriptors of the caller from 3 on that a program keeps. */
struct preserved {
        unsigned int count;
        unsigned int listening;      /* the first of them, for socket activation .. */
        const char *listening_names; /* .. by these names, or NULL. Borrowed from the environment */
};

/** Counts those of --preserve-fds and, for a container, before them those of a service manager
 * (LISTEN_FDS, sd_listen_fds(3)). Each must be open. 0 or -errno with error set. */
int preserved_take(const struct arguments *arguments, bool container, struct preserved *ret,
                   struct machine_error *error);

#endif

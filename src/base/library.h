/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

/* Shared libraries that only some machines need are loaded when they are: every library that the
 * program is linked with is paid for at every start (its mapping and relocation, the copy of its
 * mappings at each fork, their removal at each exec). */

/** A function of a library, and where in the caller's table its address goes. */
struct library_function {
        const char *name;
        size_t offset;
};

/**
 * Loads a library by its soname (dlopen(3)) and fills the caller's table with the addresses of the
 * functions. It stays loaded: unloading and loading it again costs more than it occupies. The
 * caller adds to the error what the library is for and which packages have it.
 *
 * Returns 0, or -ELIBACC where the library or a function in it is missing; error may be NULL.
 */
int library_load(const char *soname, const struct library_function *functions, size_t count,
                 void *table, struct machine_error *error);

#endif

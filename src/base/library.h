/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

/* Shared libraries that only some machines need are loaded on demand: each linked library costs
 * every start its mapping and relocation, the copy of its mappings at each fork, and their removal
 * at each exec. */

/** A function of a library, and the offset of its pointer in the caller's table. */
struct library_function {
        const char *name;
        size_t offset;
};

/**
 * Loads a library by its soname (dlopen(3)) and fills the caller's table with the addresses of the
 * functions. The library stays loaded: unloading and reloading it would cost more than the memory
 * it uses. The caller adds to the error what the library is for and which packages contain it.
 *
 * Returns 0, or -ELIBACC if the library or a function in it is missing; error may be NULL.
 */
int library_load(const char *soname, const struct library_function *functions, size_t count,
                 void *table, struct machine_error *error);

#endif

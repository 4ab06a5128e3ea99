/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The functions of the C library, by which everything that is linked into a static program gets its
 * memory. None of it needs the functions for a larger alignment. */

#include <stdlib.h>

#include "base/musl/allocator.h"

void *malloc(size_t size)
{
        return allocator_get(size);
}

void *calloc(size_t count, size_t size)
{
        return allocator_get_zeroed(count, size);
}

void *realloc(void *block, size_t size)
{
        return allocator_resize(block, size);
}

void free(void *block)
{
        allocator_put(block);
}

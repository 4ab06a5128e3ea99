/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The memory of the static programs. musl's own allocator maps and unmaps pages for nearly every
 * buffer of a short program: a start made seventy such calls, and three page faults for each. This
 * one takes memory from one region, keeps what is freed in lists of equal sizes, and never returns
 * it, except large blocks.
 *
 * Not for threads. A block that is freed twice, or was written to in front, ends the program.
 */

#include <stddef.h>

/* Aligned for every type. NULL, and errno: ENOMEM. */
void *allocator_get(size_t size);

/* As allocator_get(), and all bytes are 0. */
void *allocator_get_zeroed(size_t count, size_t size);

/* As realloc(3): the contents up to the smaller size are kept, and on failure the block is. */
void *allocator_resize(void *block, size_t size);

/* Keeps errno. NULL is allowed. */
void allocator_put(void *block);

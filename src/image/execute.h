/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_EXECUTE_H
#define IMAGE_EXECUTE_H

#include <stddef.h>

#include <machine/error.h>

/* Running the image executable, which is where all that fetches and unpacks lives. */

/**
 * The first of the places, paths from the directory of the running program, that can be run; so an
 * installation can be moved. NULL where there is none. The caller frees.
 */
char *image_find_program(const char *const *where, size_t count);

/**
 * Becomes the image executable, with these arguments after the program's own name. Returns only on
 * failure, a negative errno with error filled.
 */
int image_execute(char *const *arguments, struct machine_error *error);

/**
 * Fetches an image ("pull REFERENCE") in a child process, whose messages and progress go to
 * standard error. 0, or -EIO with error filled where it failed; its own message has been printed by
 * then.
 */
int image_fetch(const char *state_directory, const char *reference, struct machine_error *error);

#endif

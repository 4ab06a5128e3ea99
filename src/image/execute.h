/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_EXECUTE_H
#define IMAGE_EXECUTE_H

#include <machine/error.h>

/* Runs the image executable, which does all fetching and unpacking. */

/**
 * Becomes the image executable, with these arguments after the program's name. Returns only on
 * failure: -errno with error set.
 */
int image_execute(char *const *arguments, struct machine_error *error);

/**
 * Runs the image executable with these arguments in a child process, on the standard streams.
 * Returns 0, or -EIO with the error `failure` if it failed; it has then printed the reason itself.
 */
int image_run(char *const *arguments, const char *failure, struct machine_error *error);

/**
 * Fetches an image ("pull REFERENCE") in a child process, whose messages and progress go to
 * standard error. Returns 0, or -EIO with error set if the child failed; it has then printed the
 * reason itself.
 */
int image_fetch(const char *state_directory, const char *reference, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_EXECUTE_H
#define LAUNCH_INIT_EXECUTE_H

#include <machine/error.h>

/**
 * Finds the file of a command: the path itself if it contains a slash, otherwise the first
 * executable file in the directories of PATH in the environment, like execvp(3), or the first
 * existing one. 0 with *ret, which the caller frees, or an error of kind NOT_FOUND that names the
 * searched directories.
 */
int execute_find(const char *command, char *const *environment, char **ret,
                 struct machine_error *error);

/**
 * Whether the payload's user may execute the file, as far as that can be known without doing it: 0,
 * or the error of execute_explain().
 */
int execute_check(const char *path, struct machine_error *error);

/**
 * Reports why execve(2) of a file failed with `number`, which is ambiguous: ENOENT may be a missing
 * file, a missing interpreter of a script or a missing loader of a dynamic program; ENOEXEC may be
 * a program for another architecture or a text without "#!". Reads at most the first page of the
 * file, as the payload's user. Returns -number with the error's kind NOT_FOUND or NOT_EXECUTABLE.
 */
int execute_explain(const char *path, int number, struct machine_error *error);

#endif

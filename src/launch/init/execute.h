/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_EXECUTE_H
#define LAUNCH_INIT_EXECUTE_H

#include <machine/error.h>

/**
 * Finds the file that a command names: as it is when it holds a slash, else in the directories of
 * PATH in the environment, the way execvp(3) does: the first that can be executed, or failing that
 * the first that is there. 0 with *ret (the caller's), or an error of kind NOT_FOUND that names
 * what was searched.
 */
int execute_find(const char *command, char *const *environment, char **ret,
                 struct machine_error *error);

/**
 * Tells why execve(2) of a file failed with `number`, which alone does not say: a missing
 * interpreter of a script, a missing loader of a dynamic program and a missing file are all ENOENT;
 * a program for another architecture and a text without "#!" are both ENOEXEC. Reads at most the
 * first page of the file, as the payload's own user. Returns -number with the error's kind
 * NOT_FOUND or NOT_EXECUTABLE.
 */
int execute_explain(const char *path, int number, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_SYSCALLS_SYSCALL_GROUPS_H
#define BASE_SYSCALLS_SYSCALL_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Called for each name of a group, `length` characters long and not NUL-terminated. A value other
 * than 0 ends the walk.
 */
typedef int (*syscall_name_handler)(const char *name, size_t length, void *data);

/** The name of a group with its "@" by its index, NULL after the last. */
const char *syscall_group_name(size_t index);

/** Whether "@name" is a group. */
bool syscall_group_exists(const char *name);

/**
 * Calls the handler for each name in a blank-separated list, in the definition's syntax: calls, and
 * groups of systemd.exec(5), which are expanded. Returns 0, the handler's value, or -ENOENT for an
 * unknown group.
 */
int syscall_names_walk(const char *names, syscall_name_handler handler, void *data);

#endif

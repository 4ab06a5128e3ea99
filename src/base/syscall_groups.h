/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_SYSCALL_GROUPS_H
#define BASE_SYSCALL_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Called for each name of a group, which is not terminated: `length` characters of it count.
 * Anything but 0 ends the walk.
 */
typedef int (*syscall_name_handler)(const char *name, size_t length, void *data);

/** The name of a group with its "@" by its index, NULL behind the last. */
const char *syscall_group_name(size_t index);

/** Whether "@name" is a group. */
bool syscall_group_exists(const char *name);

/**
 * Walks over a list of names as definitions have them, separated by blanks: calls, and groups of
 * systemd.exec(5) by their names there, which stand for what is in them. 0, what the handler
 * returned, or -ENOENT for a group that does not exist.
 */
int syscall_names_walk(const char *names, syscall_name_handler handler, void *data);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_GROUPS_H
#define SECURITY_SECCOMP_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Called for each name of a group, which is not terminated: `length` characters of it count.
 * Anything but 0 ends the walk.
 */
typedef int (*seccomp_name_handler)(const char *name, size_t length, void *data);

/** Whether "@name" is a group. */
bool seccomp_group_exists(const char *name);

/**
 * Walks over a list of names as definitions have them, separated by blanks: calls, and groups of
 * systemd.exec(5) by their names there, which stand for what is in them. 0, what the handler
 * returned, or -ENOENT for a group that does not exist.
 */
int seccomp_names_walk(const char *names, seccomp_name_handler handler, void *data);

#endif

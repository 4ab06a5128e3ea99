/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TREE_MOUNT_TABLE_H
#define BASE_TREE_MOUNT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

/* The mounts visible to the caller: /proc/self/mountinfo, proc_pid_mountinfo(5). */

/** A line of a mount table. */
struct mount_entry {
        char *root;    /* what of the file system is mounted */
        char *point;   /* where */
        char *options; /* of the mount: "ro,nosuid" */
        char *type;
        char *source;
        char *super; /* options of the file system */
};

/** Splits a line in place, and decodes the names. The members point into it. Returns false for a
 * line that is none. */
bool mount_table_parse(char *line, struct mount_entry *ret);

/** Reads the whole text of a process (0: the caller). Returns 0 or -errno; the caller frees *ret.
 */
int mount_table_read_of(pid_t pid, char **ret);

/** Reads the whole text. Returns 0 or -errno; the caller frees *ret. */
int mount_table_read(char **ret);

/**
 * Lists the mount points in the text of a mount table, in order, that have the file system type
 * (NULL: any) and, unless it is NULL, the super block option: a v1 hierarchy has its controllers
 * there. Returns 0 or -ENOMEM; the caller frees *ret, which is NULL if there are none.
 */
int mount_table_list(const char *mountinfo, const char *type, const char *option, char ***ret);

/**
 * Finds the first of them. The host's own mounts precede later bind mounts of them. Returns 0,
 * -ENOENT or -ENOMEM; the caller frees *ret.
 */
int mount_table_find(const char *mountinfo, const char *type, const char *option, char **ret);

/** Decodes the kernel's octal escapes, "\040" for a blank, in place. */
void mount_table_unescape(char *text);

/** Gets the id of the mount that a file is on, or that is mounted there; name may be "". Does not
 * follow links. Returns 0 or -errno (STATX_MNT_ID, Linux 5.8). */
int mount_id(int directory_fd, const char *name, uint64_t *ret);

/** Sets the error that a tree cannot be traversed because something is mounted in it. Returns
 * -EXDEV. */
int mount_in_the_way(const char *place, struct machine_error *error);

#endif

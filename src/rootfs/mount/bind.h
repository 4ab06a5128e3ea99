/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_MOUNT_BIND_H
#define ROOTFS_MOUNT_BIND_H

#include <stddef.h>

#include <machine/error.h>

#include "rootfs/mount/idmap.h"

/** A mount below a bind's source that has to be cloned separately. */
struct bind_part {
        char *path; /* relative to the source */
        int fd;     /* detached mount */
};

/** A bind mount from the host, before it is attached. */
struct bind {
        int fd;                  /* detached mount: the whole tree, or only the source and .. */
        struct bind_part *parts; /* .. the mounts below it, parents first */
        size_t part_count;
};

#define BIND_INIT            \
        {                    \
                .fd = -EBADF \
        }

/**
 * Clones `source` and sets its attributes. With an id map, kernel file systems (procfs, sysfs,
 * devices, ..), whose owners cannot be mapped, keep their ids, and so do other file systems that
 * cannot be mapped below a source that is bound read-only: in the machine these files belong to
 * nobody and can be read if their mode lets others read them. Any other file system that cannot be
 * mapped is an error that names it. 0 or -errno with error set; the caller clears *ret with
 * bind_clear() in any case.
 */
int bind_open(const char *source, const struct tree_attributes *attributes, struct bind *ret,
              struct machine_error *error);

/** Attaches it at a name in the directory, which must be a file or directory like the source. 0 or
 * -errno. */
int bind_attach(const struct bind *bind, int directory_fd, const char *name);

/** Closes and frees. */
void bind_clear(struct bind *bind);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_MOUNT_OPTION_H
#define BASE_MOUNT_OPTION_H

#include <stddef.h>
#include <stdint.h>

/** What a word in the options of a mount concerns. */
enum mount_option_kind {
        MOUNT_OPTION_SET,         /* value: MOUNT_ATTR_* to set */
        MOUNT_OPTION_CLEAR,       /* value: MOUNT_ATTR_* to clear */
        MOUNT_OPTION_ACCESS_TIME, /* value: the choice within MOUNT_ATTR__ATIME */
        /* The same for all mounts of a tree: */
        MOUNT_OPTION_SET_ALL,
        MOUNT_OPTION_CLEAR_ALL,
        MOUNT_OPTION_ACCESS_TIME_ALL,
        MOUNT_OPTION_PROPAGATION,     /* value: MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE */
        MOUNT_OPTION_PROPAGATION_ALL, /* the same for all mounts of a tree */
        MOUNT_OPTION_BIND,            /* value: whether what is mounted below comes along */
        MOUNT_OPTION_SUPER,           /* value: MS_*, of the file system itself */
        MOUNT_OPTION_SUPER_CLEAR,     /* value: MS_* that is not to be set */
        MOUNT_OPTION_MAP,             /* value: whether of all mounts of a tree */
        MOUNT_OPTION_COPY_UP,         /* a tmpfs gets the content of what it covers */
        MOUNT_OPTION_REMOUNT,         /* changes what is mounted already */
        MOUNT_OPTION_NOTHING,         /* stands for the default */
        MOUNT_OPTION_REFUSED,
};

/** An option that is no option of one file system (mount(8), "FILESYSTEM-INDEPENDENT MOUNT
 * OPTIONS", and the OCI runtime specification, "Linux mount options"). */
struct mount_option_known {
        const char *name;
        enum mount_option_kind kind;
        uint64_t value;
        const char *reason; /* why it is refused */
};

extern const struct mount_option_known mount_options_known[];
extern const size_t mount_options_known_count;

/** Finds an option by its name; NULL for one of a file system. */
const struct mount_option_known *mount_option_find(const char *name);

#endif

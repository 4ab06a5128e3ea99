/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_CONTAINER_MOUNTS_H
#define CONVERT_CONTAINER_MOUNTS_H

#include "convert/container/container.h"

/** A mount in the words of docker and podman. */
struct container_mount {
        char *type; /* bind, volume, tmpfs, .. */
        char *source;
        char *target;
        char *size; /* of a tmpfs */
        char *mode;
        bool read_only;
        json_t *options;
};

void container_mount_clear(struct container_mount *mount);
#define _cleanup_container_mount_ _cleanup_(container_mount_clear)

/** Applies one option of the short notation, "ro". */
void container_mount_option(struct container *container, struct container_mount *mount,
                            const char *option);

/** Applies one field of --mount, "source". value may be NULL. */
void container_mount_field(struct container *container, struct container_mount *mount,
                           const char *name, const char *value);

/** Adds the mount to the machine. */
void container_mount_add(struct container *container, const struct container_mount *mount);

#endif

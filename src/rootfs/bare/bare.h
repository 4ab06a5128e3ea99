/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_BARE_BARE_H
#define ROOTFS_BARE_BARE_H

#include "rootfs/bare/options.h"
#include "rootfs/common/internal.h"

/* The root of a bare machine: its mounts in their order, among them what any other machine gets
 * without asking, then its nodes. */

/** A mount that is being staged. */
struct bare_mount {
        struct bare_options options;
        int fd;         /* a detached mount from the host, until it is staged */
        bool staged;    /* the child takes it from the scratch, else it makes it */
        bool directory; /* what is mounted is a directory, else a file */
};

/* ---- Parent ---- */

int bare_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
              struct machine_error *error);
int bare_stage(struct rootfs *rootfs, struct machine_error *error);
void bare_free(struct rootfs *rootfs);

/** Stages the nodes for a user namespace, whose processes cannot create any. */
int bare_stage_nodes(struct rootfs *rootfs, struct machine_error *error);

/* ---- Child ---- */

int bare_mounts(struct rootfs *rootfs, struct machine_error *error);

/** The usual nodes and links of /dev, and `nodes`. */
int bare_nodes(struct rootfs *rootfs, struct machine_error *error);

/** Sets the root's propagation, after the root has become "/". */
int bare_propagate(struct rootfs *rootfs, struct machine_error *error);

/* ---- both ---- */

/** Makes a new file system of a mount. Its descriptor, or -errno with error set. */
int bare_file_system(const struct machine_mount *mount, const struct bare_options *options,
                     const char *label, struct machine_error *error);

/** Changes a mount that is there already. 0 or -errno with error set. */
int bare_remount(int target, const struct bare_options *options, struct machine_error *error);

/** Opens a mount point in the root, and makes it if it is missing. An O_PATH descriptor, or -errno
 * with error set. */
int bare_target(struct rootfs *rootfs, const struct machine_mount *mount, bool directory,
                struct machine_error *error);

/** The file system's name: "cgroup" is "cgroup2". */
const char *bare_type(const struct machine_mount *mount);

/** Puts the path of the mount in the definition before an error. Returns r. */
int bare_mount_error(const struct rootfs *rootfs, size_t index, int r, struct machine_error *error);

#endif

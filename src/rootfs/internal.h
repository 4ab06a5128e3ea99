/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_INTERNAL_H
#define ROOTFS_INTERNAL_H

#include "base/cleanup.h"
#include "rootfs/identity.h"
#include "rootfs/options.h"
#include "rootfs/overlay.h"
#include "rootfs/rootfs.h"

/* What stands where on the scratch tmpfs. The child's working directory is its copy of it. */
#define STAGE_ROOT   "root"   /* layers and upper of the root's overlay, and .. */
#define STAGE_MERGED "merged" /* .. below each such directory the finished mount */
#define STAGE_DEV    "dev"
#define STAGE_SYS    "sys"
#define STAGE_HOST   "host"
#define STAGE_ETC    "etc"

#define INACCESSIBLE_FILE      STAGE_HOST "/inaccessible/reg"
#define INACCESSIBLE_DIRECTORY STAGE_HOST "/inaccessible/dir"

/** The name on the scratch of the mount or node with an index: "mount7". */
#define STAGE_NAME_BYTES 32

/** A mount of the user's that is being staged. */
struct staged_mount {
        struct mount_options options;
        int fd;                 /* bind: the detached clone, until it is staged */
        struct overlay overlay; /* of that type */
        bool directory;         /* what is mounted is a directory, else a file */
};

/** Where a volume's content is. */
enum staged_volume_kind {
        VOLUME_TEMPORARY, /* a tmpfs of the child's */
        VOLUME_KEPT,      /* a directory of the host's */
        VOLUME_OVER_KEPT, /* the same below an overlay that is not kept */
};

/** A volume of the image that is being staged. */
struct staged_volume {
        enum staged_volume_kind kind;
        int fd;                 /* KEPT: the detached clone, until it is staged */
        struct overlay overlay; /* OVER_KEPT */
};

/** A credential's content, held until the child has written it. */
struct staged_credential {
        char *data;
        size_t length;
};

struct rootfs {
        const struct machine *machine;
        void (*note)(void *data, const char *message);
        void *note_data;
        struct identity identity; /* the host's ids of the machine's root */
        int user_namespace_fd;    /* borrowed, during rootfs_build() */
        bool read_only;           /* the child makes the root read-only at last */

        /* Parent */
        char *scratch;       /* path */
        int scratch_fd;      /* root of the scratch tmpfs */
        int upper_lock;      /* on the directory that holds a kept upper */
        int host_fd;         /* the writable side of /run/host */
        int root_clone;      /* `rootfs` in place, until it is staged */
        int sys_clone;       /* a sysfs that only the parent can mount, until it is staged */
        struct overlay root; /* any other root */
        struct staged_volume *volumes;         /* as many as the machine has */
        struct staged_mount *mounts;           /* as many as the machine has */
        struct staged_credential *credentials; /* as many as the machine has */

        /* Child */
        int root_fd;
        int proc_fd;
        int sys_fd;
        int dev_fd;
        int pts_fd;
        int run_host_fd;
};

/** Tells the caller of the room something that is no failure. */
void rootfs_note(const struct rootfs *rootfs, const char *format, ...) _printf_(2, 3);

/** Opens a directory of the root as a place for a mount of this program's own, making it where it
 *  is missing. path has no slash in front; no component may be a link. An O_PATH descriptor or
 *  -errno with the error filled. */
int rootfs_place(struct rootfs *rootfs, const char *path, struct machine_error *error);

/** Opens a mount point for something of the user's, made where it is missing if create is set (a
 *  file or a directory): links are followed inside the root, procfs, sysfs and cgroupfs are
 *  refused. An O_PATH descriptor or -errno with the error filled. */
int rootfs_target(struct rootfs *rootfs, const char *path, bool directory, bool create,
                  struct machine_error *error);

/** Makes a new file with the content; -EEXIST where anything stands there, links included. 0 or
 *  -errno. */
int rootfs_write_file(int directory_fd, const char *name, const void *data, size_t length,
                      mode_t mode);

/* Parent side. "open" comes before the scratch is mounted (a recursive bind must not pick it up),
 * "stage" after, as the machine's root. */

int root_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
              struct machine_error *error);
int root_stage(struct rootfs *rootfs, struct machine_error *error);

/** The directory that holds what the machine writes into its root, NULL where it is not kept. */
const char *root_kept_directory(const struct rootfs_parameters *parameters);

int sys_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
             struct machine_error *error);
int sys_stage(struct rootfs *rootfs, struct machine_error *error);

int dev_stage(struct rootfs *rootfs, struct machine_error *error);
int host_stage(struct rootfs *rootfs, const char *machine_id, struct machine_error *error);
int files_stage(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                struct machine_error *error);

int volumes_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                 struct machine_error *error);
int volumes_stage(struct rootfs *rootfs, struct machine_error *error);
void volumes_free(struct rootfs *rootfs);

/** Copies what is in a directory into another, which is empty, with owners, modes, times and
 *  attributes, those of the directory itself included. 0 or -errno with the error filled. */
int volume_copy(int from_fd, int to_fd, struct machine_error *error);

int mounts_open(struct rootfs *rootfs, struct machine_error *error);
int mounts_stage(struct rootfs *rootfs, struct machine_error *error);
void mounts_free(struct rootfs *rootfs);

int credentials_open(struct rootfs *rootfs, struct machine_error *error);
void credentials_free(struct rootfs *rootfs);

/** The nodes of `devices`, in the tmpfs that dev_fd is. */
int devices_stage(struct rootfs *rootfs, int dev_fd, struct machine_error *error);

#endif

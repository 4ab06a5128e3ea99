/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_COMMON_INTERNAL_H
#define ROOTFS_COMMON_INTERNAL_H

#include <sys/stat.h>

#include "base/cleanup.h"
#include "rootfs/common/identity.h"
#include "rootfs/disk/disk.h"
#include "rootfs/mount/bind.h"
#include "rootfs/mount/options.h"
#include "rootfs/mount/overlay.h"
#include "rootfs/rootfs.h"

/* The layout of the scratch tmpfs. The child's working directory is its copy of it. */
#define STAGE_ROOT "root" /* layers and upper of the root's overlay, and the result */
#define STAGE_DEV  "dev"
#define STAGE_SYS  "sys"
#define STAGE_HOST "host"
#define STAGE_ETC  "etc"

#define INACCESSIBLE_FILE      STAGE_HOST "/inaccessible/reg"
#define INACCESSIBLE_DIRECTORY STAGE_HOST "/inaccessible/dir"

/** The name on the scratch of the mount or node with an index: "mount7". */
#define STAGE_NAME_BYTES 32

/** A mount of the definition that is being staged. */
struct staged_mount {
        struct mount_options options;
        struct bind bind;       /* of that type, until it is staged */
        struct overlay overlay; /* of that type */
        int volume_fd;          /* of that type: its directory as a detached clone, .. */
        int filling_fd;         /* .. and one to write its first content with, until staged */
        bool directory;         /* what is mounted is a directory, else a file */
        uint64_t id;            /* of the mount in the machine; child */
};

/** Where the content of a volume is. */
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

/** A disk image of the root. */
struct staged_disk {
        struct disk_mounts mounts;
        size_t layer; /* of the root's overlay, that its root is; or of none */
};

/** What belongs at a place below the root, from images and the layers around them. */
struct staged_part {
        struct overlay overlay;
        int upper_lock; /* as that of the root */
};

struct staged_disks {
        struct staged_disk *all;
        size_t count;
        bool in_place; /* the only one: its file systems are written to themselves */
        struct staged_part parts[DISK_ROLES];
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
        uint32_t id_count;        /* .. and how many it has; 0: the host's */
        bool by_user;             /* as in struct rootfs_parameters */
        bool rehearsal;           /* as in struct rootfs_parameters */
        bool ungrouped;           /* as in struct rootfs_parameters */
        bool read_only;           /* the child makes the root read-only at last */

        /* Parent */
        char *scratch;              /* path */
        int scratch_fd;             /* root of the scratch tmpfs */
        int upper_lock;             /* on the directory that holds a kept upper */
        int host_fd;                /* the writable side of /run/host */
        int root_clone;             /* `rootfs` in place, until it is staged */
        int sys_clone;              /* a sysfs that only the parent can mount, until it is staged */
        struct overlay root;        /* any other root */
        struct staged_disks *disks; /* of the root, or NULL */
        struct rootfs_reach reach;
        int resolver_fd;     /* of the machine's resolv.conf, where it follows the host's, .. */
        char *resolver_text; /* .. and what was written to it last */
        struct staged_volume *volumes;         /* as many as the machine has */
        const struct rootfs_volume *named;     /* as in struct rootfs_parameters */
        struct staged_mount *mounts;           /* as many as the machine has */
        struct bare_mount *bare;               /* the same of a bare machine: bare/bare.h */
        struct staged_credential *credentials; /* as many as the machine has */

        /* Child */
        int root_fd;
        int proc_fd;
        int sys_fd;
        int dev_fd;
        int pts_fd;
        int run_host_fd;
};

/** Reports something to the caller that is not a failure. */
void rootfs_note(const struct rootfs *rootfs, const char *format, ...) _printf_(2, 3);

/** Opens a directory of the root as the mount point for a mount of this program, creating it if
 * missing. path has no leading slash; no component may be a link. An O_PATH descriptor or -errno
 * with error set. */
int rootfs_place(struct rootfs *rootfs, const char *path, struct machine_error *error);

/** Adds a hint if the kernel refused a new instance of "/proc" or "/sys" because the present one is
 * partly hidden. */
void rootfs_explain_hidden(const struct rootfs *rootfs, const char *path, int number,
                           struct machine_error *error);

/** Opens a mount point for a mount of the definition; if create is set, a missing file or directory
 * is created. Links are followed inside the root; procfs, sysfs and cgroupfs are refused. An O_PATH
 * descriptor or -errno with error set. */
int rootfs_target(struct rootfs *rootfs, const char *path, bool directory, bool create,
                  struct machine_error *error);

/** Creates a new file with the content. 0 or -errno; -EEXIST if anything exists there, including a
 * link. */
int rootfs_write_file(int directory_fd, const char *name, const void *data, size_t length,
                      mode_t mode);

/* Parent side. "open" comes before the scratch is mounted (a recursive bind must not pick it up),
 * "stage" after, as the machine's root. */

int root_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
              struct machine_error *error);
int root_stage(struct rootfs *rootfs, struct machine_error *error);

/** The directory with the machine's writes into its root, NULL if they are not kept. */
const char *root_kept_directory(const struct rootfs_parameters *parameters);

/** Adds a disk image as the next layer. */
int disks_add_layer(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                    const char *path, struct machine_error *error);

/** Adds one as the next layer of an overlay of `mounts`, with the ids of a user namespace or none.
 */
int disks_add_elsewhere(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                        struct overlay *overlay, const char *path, int user_namespace_fd,
                        struct machine_error *error);

/** Opens an image as the root itself. If nothing can be written to its root, an overlay is mounted
 * on top of that, for missing mount points. */
int disks_open_in_place(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                        const char *path, struct machine_error *error);

/** Opens the directories of earlier writes below the root, for writing or as layers. */
int disks_open_kept(struct rootfs *rootfs, const char *directory, bool write,
                    struct machine_error *error);

/** The root directory of the top layer if that is an image, or NULL. */
const struct stat *disks_top(const struct rootfs *rootfs);

/** Mounts what the images have for places below the root, which is staged. */
int disks_stage(struct rootfs *rootfs, int stage_fd, struct machine_error *error);
void disks_free(struct rootfs *rootfs);

int sys_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
             struct machine_error *error);
int sys_stage(struct rootfs *rootfs, struct machine_error *error);

int dev_stage(struct rootfs *rootfs, struct machine_error *error);

/** The links that programs expect in /dev, in the directory fd. With `keep`, names that exist are
 * left as they are. 0 or -errno with error set. */
int dev_make_links(int fd, bool keep, struct machine_error *error);
int host_stage(struct rootfs *rootfs, const char *machine_id, struct machine_error *error);
int files_stage(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                struct machine_error *error);

/** Writes resolv.conf into the staged /etc. */
int resolver_stage(struct rootfs *rootfs, const struct rootfs_parameters *parameters, int etc_fd,
                   struct machine_error *error);

int volumes_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                 struct machine_error *error);
int volumes_stage(struct rootfs *rootfs, struct machine_error *error);
void volumes_free(struct rootfs *rootfs);

/** Opens the directory of a volume as a detached mount with the attributes. 0 or -errno with error
 * set. */
int volume_open(const char *path, const struct tree_attributes *attributes, int *ret_fd,
                struct machine_error *error);

/** Child: copies the content of `target` into a new volume whose directory is staged at the path.
 * 0 or -errno with error set. */
int volume_fill(const char *stage, int target, const struct machine_owner *owner,
                struct machine_error *error);

/** Child: the content of a volume whose directory is staged at the path, as a detached mount. A
 * descriptor or -errno with error set. */
int volume_take(const char *stage, struct machine_error *error);

/** Child: a tmpfs with the content of `target`. A detached mount or -errno with error set. */
int volume_make_temporary(int target, struct machine_error *error);

/** Copies the contents of a directory to an empty one, with owners, modes, times and attributes,
 * including those of the directory itself. 0 or -errno with error set. */
int volume_copy(int from_fd, int to_fd, struct machine_error *error);

/* A mount of type VOLUME; `name` is that of its stage. */
int mounted_volume_open(struct rootfs *rootfs, size_t index, struct machine_error *error);
int mounted_volume_stage(struct rootfs *rootfs, struct staged_mount *staged, const char *name);
int mounted_volume_take(struct rootfs *rootfs, size_t index, const char *name, int target,
                        struct machine_error *error);

int mounts_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
                struct machine_error *error);
int mounts_stage(struct rootfs *rootfs, struct machine_error *error);
void mounts_free(struct rootfs *rootfs);

int credentials_open(struct rootfs *rootfs, struct machine_error *error);
void credentials_free(struct rootfs *rootfs);

/** The nodes of `devices`, in the tmpfs that dev_fd is. */
int devices_stage(struct rootfs *rootfs, int dev_fd, struct machine_error *error);

/** Binds a node of the host, which must be the wanted device, on a new file in the tmpfs that
 * dev_fd is, which is attached. 0 or -errno with error set. */
int device_bind(int dev_fd, const char *path, const char *source, const struct stat *wanted,
                struct machine_error *error);

#endif

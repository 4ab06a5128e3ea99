/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_DISK_DISK_H
#define ROOTFS_DISK_DISK_H

#include <sys/stat.h>

#include <machine/machine.h>

#include "base/disk/disk.h"
#include "base/disk/verity.h"

/** A file system of an image as a detached mount. */
struct disk_mounted {
        enum disk_role role;
        int fd;
        bool read_only;
        struct stat top; /* its root directory, with the owner on disk */
};

/** How the blocks of an image are verified. */
struct disk_proof {
        char *path; /* of the image */
        char *root_hash;
        char *signer; /* who has checked its signature, "the kernel" or "certificate PATH"; NULL:
                       * nobody */
        char *device; /* its name for the device mapper; NULL: they are not */
};

/** What an image gives to a machine. */
struct disk_mounts {
        struct disk_mounted mounts[DISK_ROLES]; /* the root first */
        size_t count;
        bool own_root; /* the root is a tmpfs, not of the image */
        int lock;      /* on the image, until it is closed, or -EBADF */
        struct disk_proof proof;
};

#define DISK_MOUNTS_INIT       \
        {                      \
                .lock = -EBADF \
        }

struct disk_request {
        const char *path;
        bool write;     /* what can be written to is: then the image is one machine's */
        bool rehearsal; /* nothing is written or locked, and a machine may be writing to it */
        uint64_t size;  /* to which it is made larger before, or MACHINE_UNSET */
        int user_namespace_fd; /* whose id map the mounts get, or -EBADF */
        uid_t root_uid;        /* the host's ids of the machine's root */
        gid_t root_gid;
        const char *loops; /* a file of this program: the table of loop devices */
        /* verity: */
        const char *root_hash;  /* of the definition, or NULL */
        const char *signature;  /* a file with the signature of the root hash, or NULL */
        uint64_t verity_offset; /* of the hash tree in a file without a table; 0: it is beside it */
        bool verity_required;
        enum machine_corruption on_corruption;
        void (*warn)(void *data, const char *message);
        void *warn_data;
};

/**
 * Mounts the file systems of an image (base/disk/disk.h): the root, and what belongs below it. An
 * image with usr but no root gets a root on a tmpfs. Nothing is left on the host when the mounts
 * are gone: loop devices remove themselves. Mounts that are not written to are read-only. 0 or
 * -errno with error set; the caller clears *ret with disk_mounts_clear() in any case.
 */
int disk_mount(const struct disk_request *request, struct disk_mounts *ret,
               struct machine_error *error);

/** Closes and frees. */
void disk_mounts_clear(struct disk_mounts *mounts);

/* ---- Of this folder ---- */

/** The largest path of a device. */
#define DISK_DEVICE_BYTES 32

/** An image that is being mounted. */
struct disk_source {
        const struct disk_request *request;
        const struct disk_image *image;
        int fd;
        bool write; /* as in the request, if there is something that can be written to */
        const struct disk_choice *choice; /* with a table */
        char *root_hash;                  /* or NULL */
        struct disk_signature signature;  /* that has to be checked */
        bool shared;                      /* other machines have it mounted as well */
};

/** Whether what is in a partition, or in an image without a table (NULL), is mounted for writing.
 */
bool disk_is_written(const struct disk_source *source, const struct disk_partition *partition);

/** Mounts it. Returns a detached mount, without an id map, or -errno with error set. If it is
 * verified, *proof is filled in. */
int disk_mount_content(const struct disk_source *source, const struct disk_partition *partition,
                       struct disk_proof *proof, struct machine_error *error);

/** Whether something has to be verified: 1, 0, or -ENOKEY with an error if it has to be and cannot.
 */
int disk_wants_verified(const struct disk_source *source, const struct disk_partition *partition,
                        struct machine_error *error);

/** Opens the verified device of a partition or of an image without a table. Returns a descriptor,
 * or -errno with error set. *proof is filled in; its owner frees it. */
int disk_open_verified(const struct disk_source *source, const struct disk_partition *partition,
                       char ret_path[DISK_DEVICE_BYTES], struct disk_proof *proof,
                       struct machine_error *error);

/**
 * Makes a file larger if the request has a size, and with it its last partition, if that is the one
 * that the root is in. Returns 1 if there is something new in it, so that it has to be probed
 * again; 0; or -errno with error set.
 */
int disk_grow(const struct disk_source *source, struct machine_error *error);

/** Makes a mounted file system as large as the file or partition that it is in, if the request has
 * a size or the partition asks for it. 0, or -errno with error set. */
int disk_grow_file_system(const struct disk_source *source, const struct disk_partition *partition,
                          int mount_fd, struct machine_error *error);

/** "partition 2 (usr) of the image "x"", or the image alone; NULL if out of memory. The caller
 * frees it. */
char *disk_name_of(const struct disk_source *source, const struct disk_partition *partition);

/** Checks a file system in a file before it is written to, and repairs what is safe to (fsck(8)),
 * in a sandbox. 0, or -errno with error set: -EUCLEAN if errors are left. */
int disk_repair(const struct disk_source *source, const struct disk_partition *partition,
                struct machine_error *error);

/** A root for an image that has only usr, which is mounted at usr_fd: a tmpfs of the machine's root
 * with the directory usr and the links to it. Returns a detached mount or -errno with error set. */
int disk_make_root(const struct disk_request *request, int usr_fd, struct machine_error *error);

/**
 * Locks an image as other programs do that work on images, by flock(2): exclusively if it is
 * written to, otherwise shared; *ret_shared is whether others have it locked as well. 0, or -errno
 * with error set.
 */
int disk_lock(int fd, const char *path, bool write, bool *ret_shared, struct machine_error *error);

#endif

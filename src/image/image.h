/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

/* The part of the image store that a start needs: the layers of an image, its config, and a lock
 * that keeps it. Fetching, unpacking and hashing is done by the image executable.
 *
 * The layout below the state directory:
 *
 *   images/lock                     store lock: shared while layers are added, exclusive for prune
 *   images/references.json          maps references to image ids (replaced by rename)
 *   images/references.lock          held exclusively while references.json is changed
 *   images/sha256-HEX/              an image; HEX is the digest of its config, the image id
 *     image.json                    read by image_resolve(): layers, config defaults, origin
 *     config.json, manifest.json    as received, byte for byte
 *     original.json                 where it was pulled from, with manifest and index, for push and
 *                                   save; replaced by each pull
 *     directories/                  only if a layer writes below directories that it does not hold:
 *                                   these, with the owner, mode, times and attributes of a lower
 *                                   layer; it is the top layer
 *     resolved/N/                   only if layer N (from 0, the bottom) depends on those below it:
 *                                   tree/ and implied as in a layer; its files are hard links to
 *                                   those of the layers
 *   images/blobs/sha256-HEX         a blob that is being fetched, locked by the process
 *   images/kept/sha256-HEX          a blob as it was pulled, named by an image's original.json
 *   layers/sha256-HEX/              a layer; HEX is its diff id, the digest of its plain tar
 *     tree/                         its files with the tar's owners, whiteouts in overlayfs' form;
 *                                   never changed
 *     layer.json                    sizes and counts
 *     entries                       a line per file: metadata and checksum, for verification
 *     implied                       a line per directory that the layer needs but does not hold,
 *                                   and per hard link to a file of a lower layer
 *   layers/tmp-*, images/tmp-*      work in progress, locked by the process
 *   machines/NAME/image.json        the image below the writable layer of a machine
 *   machines/NAME/update.json       the image that it ran before an update, and the one that failed
 *   sources/ID/images.json          the images of stored trees, see image/named.h
 *
 * A layer or an image is made as tmp-*, synced with its file system, and renamed, so that an entry
 * with its final name is complete. A running machine holds a shared lock on the image's directory.
 * The directories are only accessible to root (0700), because layers contain set-user-id programs
 * and device nodes. */

#include <machine/error.h>

#include "base/cleanup.h"

/** What a start needs to know of an image. The struct owns its strings and arrays. */
struct image_info {
        char *id;           /* "sha256:HEX", the digest of its config */
        char *reference;    /* in full, or NULL if it was asked for by id */
        char *directory;    /* absolute path of the image in the store */
        char *architecture; /* as in the config: "amd64", or NULL */
        char **layers;      /* absolute paths of directories, top first */
        char **entrypoint;
        char **command;
        char **environment;      /* "KEY=VALUE" */
        char *user;              /* as in the config, or NULL */
        char *working_directory; /* absolute path, or NULL */
        char *stop_signal;       /* "SIGTERM", "15", or NULL */
        char **ports;            /* "80/tcp", exposed, not published */
        char **volumes;          /* absolute paths in the machine */
        int lock;                /* keeps the image in the store while open */
};

#define IMAGE_INFO_INIT        \
        {                      \
                .lock = -EBADF \
        }

/**
 * Finds an image in the store below the state directory. reference is a reference as users write
 * it, or an image id ("sha256:HEX"). On success the image is locked against removal until *ret is
 * cleared or the process ends; the lock's descriptor is close-on-exec. Returns 0, -ENOENT (kind
 * NO_INPUT) if the store lacks the image, or -EINVAL for an invalid reference or a damaged record.
 */
int image_resolve(const char *state_directory, const char *reference, struct image_info *ret,
                  struct machine_error *error);

/** Frees what the struct owns and releases the lock. */
void image_info_clear(struct image_info *info);

#define _cleanup_image_info_ _cleanup_(image_info_clear)

/**
 * Records in machine_directory (machines/NAME, which exists) that the machine's writable layer lies
 * over this image, so that neither prune nor a moved tag removes its layers. Removing the directory
 * removes the record. Returns 0 or -errno with error set.
 */
int image_pin(const char *machine_directory, const struct image_info *info,
              struct machine_error *error);

/**
 * Reads the id that image_pin() recorded, for image_resolve(); *ret is NULL if nothing is recorded.
 * ret_reference (may be NULL) is the reference that the machine was made from. The caller frees
 * both.
 */
int image_pinned(const char *machine_directory, char **ret, char **ret_reference,
                 struct machine_error *error);

/** Lets the writable layer of a machine move to another image at the next start. Returns 0, also if
 * nothing is recorded, or -errno with error set. */
int image_unpin(const char *machine_directory, struct machine_error *error);

/**
 * Records what an update of a machine leaves: the id of the image that ran before, which prune then
 * keeps, and the one that has failed, or NULL. Makes the directory if it is missing. Returns 0 or
 * -errno with error set.
 */
int image_keep(const char *machine_directory, const char *previous, const char *failed,
               struct machine_error *error);

/** Reads what image_keep() recorded. The results are NULL if nothing is; the caller frees them.
 * Returns 0 or -errno with error set. */
int image_kept(const char *machine_directory, char **ret, struct machine_error *error);
int image_failed(const char *machine_directory, char **ret, struct machine_error *error);

#endif

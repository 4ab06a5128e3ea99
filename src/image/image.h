/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

/* What a start needs of the image store: which layers an image has, what its config says, and a
 * lock that keeps it. Nothing here fetches, unpacks or hashes: that is the image executable's.
 *
 * What lies where under the state directory:
 *
 *   images/lock                     store lock: shared while layers are added, exclusive for prune
 *   images/references.json          what each reference names: an image id (written whole, renamed)
 *   images/references.lock          held exclusively while references.json is changed
 *   images/sha256-HEX/              one image; HEX is the digest of its config, the image id
 *     image.json                    what image_resolve() reads: layers, config defaults, origin
 *     config.json, manifest.json    as they came, byte for byte
 *     directories/                  only where a layer wrote below directories that it does not
 *                                   hold itself: those with the owner, mode, times and attributes
 *                                   that a lower layer gives them; it is the top layer
 *   images/blobs/sha256-HEX         a blob that is being fetched; locked by who fetches it
 *   layers/sha256-HEX/              one layer; HEX is its diff id, the digest of its plain tar
 *     tree/                         its files with the owners that the tar says, whiteouts as
 *                                   overlayfs has them; never changed
 *     layer.json                    sizes and counts
 *     entries                       a line per file: metadata and checksum, for verification
 *   layers/tmp-*, images/tmp-*      work in progress, each locked by who made it
 *   machines/NAME/image.json        the image that a machine's writable layer lies over
 *
 * A layer or an image is made under tmp-*, synced with its file system, and renamed, so that its
 * name is there only when the whole of it is. A running machine holds a shared lock on the image's
 * directory. The directories are for root alone (0700): layers hold set-user-id programs and device
 * nodes. */

#include <machine/error.h>

#include "base/cleanup.h"

/** What a start has to know of an image. Strings and arrays are owned by the struct. */
struct image_info {
        char *id;        /* "sha256:HEX", the digest of its config */
        char *reference; /* in full, or NULL where it was asked for by id */
        char *directory; /* absolute path of the image in the store */
        char **layers;   /* absolute paths of directories, top first */
        char **entrypoint;
        char **command;
        char **environment;      /* "KEY=VALUE" */
        char *user;              /* as in the config, or NULL */
        char *working_directory; /* absolute path, or NULL */
        char *stop_signal;       /* "SIGTERM", "15", or NULL */
        char **ports;            /* "80/tcp", exposed, not published */
        char **volumes;          /* absolute paths in the machine */
        int lock;                /* keeps the image in the store for as long as it is open */
};

#define IMAGE_INFO_INIT        \
        {                      \
                .lock = -EBADF \
        }

/**
 * Finds an image in the store under the state directory. reference is as people write it, or an
 * image id ("sha256:HEX"). On success the image is locked against removal until *ret is cleared or
 * the process ends; the lock's descriptor is close-on-exec.
 * -ENOENT (kind NO_INPUT) where the store lacks it, -EINVAL for a bad reference or a bad record.
 */
int image_resolve(const char *state_directory, const char *reference, struct image_info *ret,
                  struct machine_error *error);

/** Frees what the struct owns and lets the image go. */
void image_info_clear(struct image_info *info);

#define _cleanup_image_info_ _cleanup_(image_info_clear)

/**
 * Records in machine_directory (machines/NAME, which exists) that the machine's writable layer lies
 * over this image, so that neither prune nor a moved tag takes the layers from under it. It is
 * forgotten with the directory. 0 or -errno with error filled.
 */
int image_pin(const char *machine_directory, const struct image_info *info,
              struct machine_error *error);

/**
 * The id that image_pin() recorded, to be given to image_resolve(); *ret is NULL where nothing is
 * recorded. ret_reference (may be NULL) is the reference it was made from. The caller frees both.
 */
int image_pinned(const char *machine_directory, char **ret, char **ret_reference,
                 struct machine_error *error);

#endif

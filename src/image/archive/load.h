/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_LOAD_H
#define IMAGE_ARCHIVE_LOAD_H

#include "image/store/session.h"

struct load_options {
        const char *path;      /* a file, a directory, or "-" */
        const char *name;      /* the reference of the image, or NULL */
        const char *reference; /* selects one of several images, or NULL */
};

/** Called for each loaded image. */
typedef void (*load_report)(const char *id, char *const *references, void *data);

/** Loads images from an archive of docker save, an OCI layout or the tar of a root file system.
 * Returns 0 or -errno. */
int load(struct session *session, const struct load_options *options, load_report report,
         void *data, struct machine_error *error);

#endif

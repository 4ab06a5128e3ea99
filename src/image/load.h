/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_LOAD_H
#define IMAGE_LOAD_H

#include "image/session.h"

struct load_options {
        const char *path;      /* a file, a directory, or "-" */
        const char *name;      /* a reference to give, or NULL */
        const char *reference; /* which of several, or NULL */
};

/** One image that was loaded. */
typedef void (*load_report)(const char *id, char *const *references, void *data);

/** Reads images from an archive of docker save, an OCI layout, or a root file system's tar. 0 or
 * -errno. */
int load(struct session *session, const struct load_options *options, load_report report,
         void *data, struct machine_error *error);

#endif

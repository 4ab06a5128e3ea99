/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_SUBJECT_H
#define IMAGE_TRUST_SUBJECT_H

#include "image/registry/registry.h"

/** An image that is about to be added to the store. */
struct trust_subject {
        const char *transport; /* "docker", "docker-archive", "oci", "oci-archive" or "tarball" */
        /* Of the transport "docker". */
        const struct image_reference *reference; /* as the user asked for it; else NULL */
        struct registry *registry;
        const char *manifest; /* the bytes of the manifest for the platform, or NULL */
        size_t manifest_length;
        /* Of the others: where the image is, absolute and without links, or NULL. */
        const char *path;
};

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DISK_TABLE_H
#define IMAGE_DISK_TABLE_H

#include "image/disk/fingerprint.h"
#include "image/disk/part.h"

/** The content of an image with a partition table. */
struct table_content {
        const char *architecture;
        const struct part *root;
        const struct part *tree; /* the hash tree of the root, or NULL */
        const char *root_hash;   /* names the partitions, or "" */
};

/** Writes an image with a partition table (GPT) as the Discoverable Partitions Specification
 * (UAPI.2) has it, and the content of its partitions, to an empty file. Returns 0, or -errno with
 * error set. */
int table_make(const struct table_content *content, const struct fingerprint *fingerprint,
               const struct part *target, struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_DISK_STATUS_H
#define CLI_OUTPUT_DISK_STATUS_H

#include <stdbool.h>

#include <jansson.h>

#include "base/disk/disk.h"
#include "cli/common/cli.h"

/** What is known of a disk image. Borrowed. */
struct disk_status {
        const struct disk_image *image;
        const struct disk_choice *choice; /* with a table; all NULL if nothing can be chosen */
        const char *problem;              /* why no machine can have it as its root, or NULL */
        const char *root_hash;            /* or NULL */
        const char *root_hash_path;       /* the file that has it */
        const char *hashes;               /* the file with the hash tree, or NULL */
        const json_t *os_release;         /* NULL: not read, or there is none */
        const char *unread;               /* why its root was not read, or NULL */
        bool boots;                       /* its root has an init, if it was read */
};

/** Prints it, as text or JSON. Returns 0, or -errno with error set. */
int disk_status_print(const struct cli *cli, const struct disk_status *status,
                      struct machine_error *error);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_NEWCOMERS_ARCHIVE_H
#define CLI_NEWCOMERS_ARCHIVE_H

#include <stdbool.h>

#include <jansson.h>

#include <machine/error.h>

/*
 * The archive of a machine, a tar of plain files:
 *
 *   machine.json       what it is: "version", "name", "definition" (the effective settings under
 * the keys of the format), "image" ("id" and "reference" of the image below its layer, or null),
 * "layer" (whether there is one), "volumes" (names) layer.tar          the writable layer, as a
 * layer of an image volumes/NAME.tar   the content of a volume, unless it has none
 *
 * It may come from anybody.
 */
#define ARCHIVE_VERSION 1
#define ARCHIVE_RECORD  "machine.json"
#define ARCHIVE_LAYER   "layer.tar"
#define ARCHIVE_VOLUMES "volumes"

/* Of a checkpoint: what is said of its processes, and the directory of CRIU's files. */
#define ARCHIVE_CHECKPOINT "checkpoint"

/** Reads and checks machine.json of an unpacked archive. Returns 0, or -errno with error set; for
 * other archives the error names the verb that takes them. `file` is for messages. */
int archive_read(int directory_fd, const char *file, json_t **ret, struct machine_error *error);

#endif

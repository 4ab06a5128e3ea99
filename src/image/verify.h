/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_VERIFY_H
#define IMAGE_VERIFY_H

#include "image/store.h"

/** What is called for each thing that is wrong: the layer's diff id, the path in it, the fault. */
typedef void (*verify_report)(const char *diff_id, const char *path, const char *fault, void *data);

/**
 * Compares a layer with its list: every file's metadata, attributes and content, and that there is
 * no file more. *ret_faults is how many faults were reported. 0 or -errno where it could not be
 * read.
 */
int verify_layer(struct store *store, const char *diff_id, verify_report report, void *data,
                 uint64_t *ret_faults, struct machine_error *error);

#endif

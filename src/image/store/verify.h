/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_STORE_VERIFY_H
#define IMAGE_STORE_VERIFY_H

#include "image/store/store.h"

/** Called for each fault, with the layer's diff id, the path in it, and a description. */
typedef void (*verify_report)(const char *diff_id, const char *path, const char *fault, void *data);

/**
 * Compares a layer with its list: metadata, attributes and content of every file, and that no file
 * was added. *ret_faults is the number of faults reported. Returns 0, or -errno if the layer could
 * not be read.
 */
int verify_layer(struct store *store, const char *diff_id, verify_report report, void *data,
                 uint64_t *ret_faults, struct machine_error *error);

#endif

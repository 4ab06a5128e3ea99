/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_BACK_DOCUMENT_H
#define CONVERT_BACK_DOCUMENT_H

#include "convert/back/back.h"

/* The config.json that is being written. Paths are dotted: "linux.resources.cpu.quota". */

/** The object at a path, which is made if necessary. Borrowed. */
json_t *oci_object_at(struct back *back, const char *path);

/** The array at a path, which is made if necessary. Borrowed. */
json_t *oci_array_at(struct back *back, const char *path);

/** Sets the value at a path. Takes the value. */
void oci_set(struct back *back, const char *path, json_t *value);

/** Adds what a definition leaves to its defaults, and a bundle must list. */
void oci_add_defaults(struct back *back);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OCI_BUNDLE_LOCATE_H
#define OCI_BUNDLE_LOCATE_H

#include <stddef.h>

/**
 * Finds the line of a value in the text of a valid JSON document by its path, such as
 * "linux.namespaces[2].path"; names with dots in them are in brackets and quotes:
 * `annotations["a.b"]`. If only the beginning of the path exists, that is what is found. The first
 * line is 1.
 */
unsigned int json_locate(const char *text, size_t length, const char *path);

#endif

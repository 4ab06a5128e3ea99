/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_OS_RELEASE_H
#define CLI_OUTPUT_OS_RELEASE_H

#include <jansson.h>

/** Reads the text of os-release(5), of unknown origin: an object with its variables. Lines that are
 * no assignment are left out. Returns NULL if out of memory. */
json_t *os_release_read(const char *text);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DOCUMENT_PLATFORM_H
#define IMAGE_DOCUMENT_PLATFORM_H

#include <stdbool.h>

#include <machine/error.h>

#include "base/cleanup.h"

/** The system that an image is built for, in Go's terms: "linux/arm64/v8". */
struct platform {
        char *os;
        char *architecture;
        char *variant; /* or NULL */
};

#define PLATFORM_INIT            \
        {                        \
                NULL, NULL, NULL \
        }

/** Detects the platform of this host by uname(2) and, on x86-64, the processor's features. Returns
 * 0 or -errno. */
int platform_host(struct platform *ret, struct machine_error *error);

/** Parses "linux/arm64/v8", "linux/amd64" or "arm64". Returns 0 or -errno. */
int platform_parse(const char *text, struct platform *ret, struct machine_error *error);

/**
 * How well an image's platform matches the wanted one; 0: not at all, higher is better. A host with
 * a later variant of amd64 ("v1" up) or arm ("v5" to "v8") runs images of earlier ones; the latest
 * is best. An image without a variant matches every variant.
 */
unsigned int platform_match(const struct platform *wanted, const char *os, const char *architecture,
                            const char *variant);

/** Formats "linux/arm64/v8"; the caller frees the result. NULL if out of memory. */
char *platform_format(const struct platform *platform);

void platform_clear(struct platform *platform);
#define _cleanup_platform_ _cleanup_(platform_clear)

#endif

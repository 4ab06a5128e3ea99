/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_PLATFORM_H
#define IMAGE_PLATFORM_H

#include <stdbool.h>

#include <machine/error.h>

#include "base/cleanup.h"

/** For which system an image is, in the terms of Go: "linux/arm64/v8". */
struct platform {
        char *os;
        char *architecture;
        char *variant; /* or NULL */
};

#define PLATFORM_INIT            \
        {                        \
                NULL, NULL, NULL \
        }

/** This host's platform, from uname(2) and, on x86-64, what the processor can do. 0 or -errno. */
int platform_host(struct platform *ret, struct machine_error *error);

/** Reads "linux/arm64/v8", "linux/amd64" or "arm64". 0 or -errno. */
int platform_parse(const char *text, struct platform *ret, struct machine_error *error);

/**
 * How well an image's platform suits the wanted one: 0 not at all; the more the better. amd64
 * variants "vN" down to "v1" and arm "v8" down to "v5" suit a later one, the latest best; an image
 * without a variant is a candidate for every variant.
 */
unsigned int platform_match(const struct platform *wanted, const char *os, const char *architecture,
                            const char *variant);

/** "linux/arm64/v8"; NULL when memory is short. The caller frees it. */
char *platform_format(const struct platform *platform);

void platform_clear(struct platform *platform);
#define _cleanup_platform_ _cleanup_(platform_clear)

#endif

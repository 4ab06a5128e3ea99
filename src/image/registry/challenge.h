/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_REGISTRY_CHALLENGE_H
#define IMAGE_REGISTRY_CHALLENGE_H

#include "base/cleanup.h"

enum challenge_scheme {
        CHALLENGE_NONE,
        CHALLENGE_BASIC,
        CHALLENGE_BEARER,
};

/** The content of a WWW-Authenticate header (RFC 9110, 11.6.1). Bearer is preferred to Basic. */
struct challenge {
        enum challenge_scheme scheme;
        char *realm;
        char *service;
        char *scope;
        char *error;
};

/**
 * Parses the header's value: a list of challenges, with parameters as tokens or as quoted strings,
 * which may contain commas. Skips unknown parts. *ret may hold a challenge of an earlier header,
 * which is kept if it is better. Returns 0 or -ENOMEM.
 */
int challenge_parse(const char *header, struct challenge *ret);

void challenge_clear(struct challenge *challenge);
#define _cleanup_challenge_ _cleanup_(challenge_clear)

#endif

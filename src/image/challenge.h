/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_CHALLENGE_H
#define IMAGE_CHALLENGE_H

#include "base/cleanup.h"

enum challenge_scheme {
        CHALLENGE_NONE,
        CHALLENGE_BASIC,
        CHALLENGE_BEARER,
};

/** What a WWW-Authenticate header asks for (RFC 9110, 11.6.1); Bearer before Basic. */
struct challenge {
        enum challenge_scheme scheme;
        char *realm;
        char *service;
        char *scope;
        char *error;
};

/**
 * Reads a header's value: challenges after each other, parameters as tokens or quoted strings, in
 * which commas mean nothing. Goes on over what it does not know. *ret may hold a challenge of an
 * earlier header, which is kept if it is the better one. 0 or -ENOMEM.
 */
int challenge_parse(const char *header, struct challenge *ret);

void challenge_clear(struct challenge *challenge);
#define _cleanup_challenge_ _cleanup_(challenge_clear)

#endif

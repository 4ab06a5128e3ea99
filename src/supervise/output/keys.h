/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_OUTPUT_KEYS_H
#define SUPERVISE_OUTPUT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The maximum number of keys that detach. */
#define KEYS_MAXIMUM 8
/** .. and of those that are looked at at once. */
#define KEYS_CHUNK 8192

/**
 * The keys that detach from a terminal: either as in machinectl(1), Ctrl-] three times within a
 * second, which the program sees as well; or a sequence as in podman(1), "ctrl-p,ctrl-q", of which
 * the program sees nothing unless another key follows.
 */
struct keys {
        char sequence[KEYS_MAXIMUM];
        size_t count;    /* 0: none detach */
        bool hold;       /* the program does not see them */
        uint64_t window; /* microseconds in which they have to be typed, or 0 */
        size_t matched;
        uint64_t began;
};

/** Ctrl-] three times. */
struct keys keys_usual(void);

/** Reads a sequence: letters, and "ctrl-" with a letter or one of @ [ \ ] ^ _, separated by commas;
 * "" is none. Returns 0 or -EINVAL. */
int keys_parse(const char *text, struct keys *ret);

/** Looks for the keys in what was typed, at most KEYS_CHUNK bytes. Held keys are left out or, once
 * another follows, inserted: there is room for KEYS_MAXIMUM more. Returns whether they are
 * complete; the rest is dropped. */
bool keys_look(struct keys *keys, char *text, size_t *length);

#endif

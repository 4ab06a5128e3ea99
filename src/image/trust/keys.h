/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_KEYS_H
#define IMAGE_TRUST_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <machine/error.h>

#include "base/cleanup.h"

/** The public keys of a requirement, each as in its file. */
struct keys {
        struct key {
                char *data;
                size_t length;
                char *what; /* its path, or "keyData", for messages */
        } * items;
        size_t count;
};

/** Checks that a requirement names its keys in exactly one of keyPath, keyPaths, keyData and, if
 * allowed, keyDatas. Returns 0, or -EINVAL with error set. */
int keys_check(const json_t *requirement, bool datas, struct machine_error *error);

/** Reads the keys of a checked requirement. Of root's policy, only files that nobody else can
 * change. Returns 0 or -errno with error set. */
int keys_read(const json_t *requirement, struct keys *ret, struct machine_error *error);

void keys_clear(struct keys *keys);
#define _cleanup_keys_ _cleanup_(keys_clear)

/** Decodes base64 without blanks. Returns 0, -EINVAL, or -ENOMEM; the caller frees *ret, which is
 * NUL-terminated. */
int base64_decode(const char *text, size_t length, char **ret, size_t *ret_length);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRUST_POLICY_H
#define IMAGE_TRUST_POLICY_H

#include <jansson.h>

#include "image/trust/subject.h"

/**
 * Reads and checks a whole policy: an error anywhere in it is an error, as with Podman. what is for
 * messages. Returns 0 or -EINVAL with error set; the caller owns *ret.
 */
int policy_parse(const char *text, size_t length, const char *what, json_t **ret,
                 struct machine_error *error);

/**
 * Reads the policy that is in force. *ret is NULL if the host has none; *ret_path is its file.
 * Returns 0 or -errno with error set; the caller owns both.
 */
int policy_read(json_t **ret, char **ret_path, struct machine_error *error);

/** The requirements for an image, those of the most specific scope alone. Borrowed; NULL if out of
 * memory. *ret_scope tells where they are from; the caller frees it. */
const json_t *policy_choose(const json_t *policy, const struct trust_subject *subject,
                            char **ret_scope);

#endif

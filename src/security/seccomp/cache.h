/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_CACHE_H
#define SECURITY_SECCOMP_CACHE_H

#include "security/seccomp/program.h"

/**
 * A cache of compiled filters, keyed by their sources. An entry contains its whole key, which is
 * compared; the file's name is only a hash of it. Entries are trusted only if they are regular
 * files of this user that no one else can write to.
 */

/** Looks up a program. Returns 0, or -ENOENT if there is no usable entry, for whatever reason. */
int seccomp_cache_read(const char *directory, const char *key, size_t key_length,
                       struct seccomp_program *ret);

/** Stores a program atomically, and removes the oldest entry if there are too many. Returns 0 or
 * -errno. */
int seccomp_cache_write(const char *directory, const char *key, size_t key_length,
                        const struct seccomp_program *program);

#endif

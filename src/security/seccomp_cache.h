/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_SECCOMP_CACHE_H
#define SECURITY_SECCOMP_CACHE_H

#include "security/seccomp.h"

/**
 * Compiled filters by what they were compiled from. An entry holds the whole text of its key, which
 * is compared: the file's name, a hash of it, only finds it. Entries are trusted only when they are
 * regular files of this user that nobody else may write.
 */

/** Finds a program. 0, or -ENOENT where there is none that can be used, for whatever reason. */
int seccomp_cache_read(const char *directory, const char *key, size_t key_length,
                       struct seccomp_program *ret);

/** Keeps a program, atomically, and forgets the oldest where there are very many. 0 or -errno. */
int seccomp_cache_write(const char *directory, const char *key, size_t key_length,
                        const struct seccomp_program *program);

#endif

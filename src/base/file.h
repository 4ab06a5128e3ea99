/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct machine_error;

/* Whole files, read and written. directory_fd is a directory's descriptor or AT_FDCWD. The
 * functions fill no error, for the caller knows what the file is for; file_explain() helps. */

/**
 * Reads a whole file that is at most maximum bytes long. The text ends with a NUL that ret_length
 * (may be NULL) does not count. Returns -EFBIG for a longer file, -ENXIO for a FIFO, which might
 * never say anything, as open(2) does for a socket; else what open(2) or read(2) said. The caller
 * frees *ret.
 */
int file_read(int directory_fd, const char *path, size_t maximum, char **ret, size_t *ret_length);

/** Tells that a file that the user named cannot be read, as "cannot read WHAT "PATH"", when
 *  file_read() has returned `number`, which this returns. */
int file_explain(int number, const char *what, const char *path, struct machine_error *error);

/** The same from a descriptor's current position. */
int file_read_fd(int fd, size_t maximum, char **ret, size_t *ret_length);

/** Writes all bytes, going on after EINTR and short writes. 0 or -errno. */
int file_write_all(int fd, const void *data, size_t length);

/** Copies what is left of one descriptor to the other, from their current positions. 0 or -errno.
 */
int file_copy(int from, int to);

/** One write(2) of a string to an existing file of procfs, sysfs or cgroupfs, which take a value in
 *  one call. 0 or -errno as the kernel judged the value. */
int file_write_value(int directory_fd, const char *path, const char *value);

/**
 * Replaces a file so that a reader finds the old content or the new one and nothing else:
 * temporary file in the same directory, rename. The temporary file is removed on failure. The
 * caller holds whatever lock keeps other writers of this file away. 0 or -errno.
 */
int file_replace(int directory_fd, const char *path, const void *data, size_t length, mode_t mode);

/** The same for what has to outlive a power cut: the file is synced before the rename, its
 *  directory after. */
int file_write_atomic(int directory_fd, const char *path, const void *data, size_t length,
                      mode_t mode);

/** Opens a directory for readdir(3) from its beginning, whatever kind of descriptor (O_PATH too) it
 * is given by; that stays the caller's. *ret is closed with closedir(3). 0 or -errno. */
int directory_open(int directory_fd, DIR **ret);

/** mkdir(2) for a directory and all that is missing above it, each with the mode. An existing
 *  directory is fine; -ENOTDIR where something else stands. 0 or -errno. */
int directory_make(const char *path, mode_t mode);

/** Opens a lock file (made where missing, mode 0600) and takes flock(2) on it: LOCK_SH or LOCK_EX,
 * with LOCK_NB optionally. The lock goes with the descriptor. Returns the descriptor, or -errno. */
int file_lock(int directory_fd, const char *path, int operation);

/**
 * Sees to it that descriptors 0 to 2 are taken. Where the caller has closed one, what is opened
 * next would get its number and pass for standard input or output, in a machine too. What takes the
 * place fails like a closed one: it cannot be read as input nor written as output. 0 or -errno.
 */
int file_hold_standard(void);

/** Makes a sealed memfd that holds the data; its position is at the start. The descriptor or
 * -errno. */
int file_sealed(const char *name, const void *data, size_t length);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct machine_error;

/* Reading and writing whole files. directory_fd is a directory's descriptor or AT_FDCWD. The
 * functions set no error, as only the caller knows what the file is for; file_explain() helps. */

/**
 * Reads a whole file of at most `maximum` bytes. The text is NUL-terminated; ret_length (may be
 * NULL) does not include the NUL. Returns 0, -EFBIG for a larger file, -ENXIO for a FIFO, which
 * could block forever (open(2) returns it for a socket), or another errno of open(2) or read(2).
 * The caller frees *ret.
 */
int file_read(int directory_fd, const char *path, size_t maximum, char **ret, size_t *ret_length);

/** The same for text edited by people: drops the byte order mark that some editors write. */
int file_read_text(const char *path, size_t maximum, char **ret, size_t *ret_length);

/** Removes the byte order mark from a text. */
void file_drop_mark(char *text, size_t *length);

/** Sets the error "cannot read WHAT "PATH"" for a file named by the user, after file_read() has
 * returned `number`. Returns `number`. */
int file_explain(int number, const char *what, const char *path, struct machine_error *error);

/** The same, from a descriptor's current position. */
int file_read_fd(int fd, size_t maximum, char **ret, size_t *ret_length);

/** Writes all bytes, continuing after EINTR and short writes. Returns 0 or -errno. */
int file_write_all(int fd, const void *data, size_t length);

/** Replaces the content of an open file in one write: a reader sees the old text or the new one. A
 * shorter text is padded with empty lines to the old length before the file is truncated, so that
 * it never ends with a piece of the old one. Returns 0 or -errno. */
int file_rewrite(int fd, const char *text);

/** Copies the rest of one descriptor to another, from their current positions. Returns 0 or
 * -errno. */
int file_copy(int from, int to);

/** Copies a whole file to a new one and keeps its holes. Returns 0 or -errno. */
int file_copy_sparse(int from, int to);

/** Writes a string with one write(2) to an existing file of procfs, sysfs or cgroupfs, which accept
 * a value only in one call. Returns 0, or the kernel's -errno for the value. */
int file_write_value(int directory_fd, const char *path, const char *value);

/**
 * Replaces a file atomically: temporary file in the same directory, rename. Removes the temporary
 * file on failure. The caller holds the lock against other writers of this file. Returns 0 or
 * -errno.
 */
int file_replace(int directory_fd, const char *path, const void *data, size_t length, mode_t mode);

/** The same for content that must survive a power failure: syncs the file before the rename, and
 * its directory afterwards. */
int file_write_atomic(int directory_fd, const char *path, const void *data, size_t length,
                      mode_t mode);

/**
 * Checks that a new file may replace a path given by the user. Devices, FIFOs and sockets are never
 * replaced, nor are symbolic links to one or to an open file of a process, such as /dev/stdout. A
 * regular file may be replaced, and so may a link to a file or to nothing: the link itself is
 * replaced. The path is resolved inside the root as by path_open_in_root(). Returns 0, -EEXIST with
 * an error that says what the path is, or another -errno with an error.
 */
int file_check_replaceable(int root_fd, const char *path, struct machine_error *error);

/** The same for a path of the host that is relative to the caller's directory. */
int file_check_replaceable_here(const char *path, struct machine_error *error);

/** The same for a name in a directory, without following a link. */
int file_check_replaceable_at(int directory_fd, const char *name, struct machine_error *error);

/** Creates a directory and its missing parents, each with the mode. Succeeds if the directory
 * exists; -ENOTDIR if the path is something else. Returns 0 or -errno. */
int directory_make(const char *path, mode_t mode);

/** Opens a lock file (created if missing, mode 0600) and locks it with flock(2): LOCK_SH or
 * LOCK_EX, optionally with LOCK_NB. Closing the descriptor releases the lock. Returns the
 * descriptor, or -errno. */
int file_lock(int directory_fd, const char *path, int operation);

/**
 * Makes sure that descriptors 0 to 2 are open. If the caller closed one, the next file to be opened
 * would get its number and be used as standard input or output, even in a machine. The replacement
 * fails like a closed descriptor: it can be neither read as input nor written as output. Returns 0
 * or -errno.
 */
int file_hold_standard(void);

/** Creates a sealed memfd with the data, positioned at its start. Returns the descriptor or
 * -errno. */
int file_sealed(const char *name, const void *data, size_t length);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_OUTPUT_LOG_FILE_H
#define SUPERVISE_OUTPUT_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

#include "base/cleanup.h"

/**
 * The output of a machine in DIRECTORY/NAME.log, one line each: time (RFC 3339, UTC), stream, "F"
 * for a full line or "P" for a part of a long one, and the text. This is the format of container
 * runtimes for Kubernetes. Before the file exceeds its maximum size it is renamed to NAME.log.1,
 * which is replaced.
 *
 * Other programs may rotate the file as well: it is checked before each line. If it was moved or
 * removed, it is created again, with its directory if necessary; if it was truncated, writing
 * continues at its beginning.
 */
struct log_file {
        int fd; /* -EBADF: opened with the next line */
        char *directory;
        char *path; /* "DIRECTORY/NAME.log" */
        dev_t device;
        ino_t inode;
        uint64_t size;
        uint64_t maximum;
};

#define LOG_FILE_INIT         \
        {                     \
                .fd = -EBADF, \
        }

/** Opens the log of a machine for appending. Creates the directory (0755) and the file (0640) if
 * they do not exist. Returns 0 or -errno with error set. */
int log_file_open(const char *directory, const char *machine, uint64_t maximum,
                  struct log_file *ret, struct machine_error *error);

/** Reopens the file if it was moved or removed, creating it if necessary. Returns 0 or -errno. */
int log_file_refresh(struct log_file *file);

/** Appends a line or, unless whole, a part of one. Returns 0 or -errno. */
int log_file_write(struct log_file *file, const char *stream, const char *text, size_t length,
                   bool whole);

void log_file_close(struct log_file *file);

#endif

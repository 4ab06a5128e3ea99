/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LOG_FILE_H
#define SUPERVISE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

#include "base/cleanup.h"

/**
 * What a machine printed, line by line, in DIRECTORY/NAME.log: time (RFC 3339, UTC), stream, "F"
 * for the end of a line or "P" for a part of a long one, and the text, as Kubernetes' runtimes
 * write it. A file that would grow past its maximum becomes NAME.log.1, in place of the one before.
 */
struct log_file {
        int directory;
        int fd;
        char *name; /* "NAME.log" */
        uint64_t size;
        uint64_t maximum;
};

#define LOG_FILE_INIT                      \
        {                                  \
                -EBADF, -EBADF, NULL, 0, 0 \
        }

/** Opens the log of a machine for appending; the directory is made (0755) where it is missing, the
 *  file is readable by root alone (0640). 0 or -errno. */
int log_file_open(const char *directory, const char *machine, uint64_t maximum,
                  struct log_file *ret, struct machine_error *error);

/** Appends a line, or a part of one. 0 or -errno. */
int log_file_write(struct log_file *file, const char *stream, const char *text, size_t length,
                   bool whole);

void log_file_close(struct log_file *file);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/error.h>

#include "base/cleanup.h"

enum log_level {
        LOG_LEVEL_ERROR,
        LOG_LEVEL_WARNING,
        LOG_LEVEL_NOTICE,
        LOG_LEVEL_DEBUG,
};

/** The destination of messages for the user, passed to the functions that write them. */
struct log {
        int fd;               /* standard error */
        enum log_level level; /* messages above this level are dropped */
        bool colour;
        uint64_t started; /* log_now() at the start of the program; debug lines show the time since
                           */
};

/** Monotonic time in microseconds. */
uint64_t log_now(void);

/** Writes one line: "warning: ..", in colour on a terminal, or "[  1.234 ms] .." for debug. */
void log_line(const struct log *log, enum log_level level, const char *format, ...) _printf_(3, 4);

/** Prints an error for the user: the message, then step and hint on lines of their own. */
void log_error(const struct log *log, const struct machine_error *error);

/**
 * Takes a failure `r` of one of several tasks, whose last failure the caller reports: logs the one
 * before, if *result is one, and puts the new one in its place. `failure` is empty afterwards.
 */
void log_replace_failure(const struct log *log, int *result, struct machine_error *error, int r,
                         struct machine_error *failure);

#define log_warning(log, ...) log_line((log), LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(log, ...)  log_line((log), LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(log, ...)   log_line((log), LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif

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

/** Where messages for the user go. Passed to whoever may have something to say. */
struct log {
        int fd;               /* standard error */
        enum log_level level; /* messages above it are dropped */
        bool colour;
        uint64_t started; /* log_now() when the program began; debug lines tell the time since */
};

/** Monotonic time in microseconds. */
uint64_t log_now(void);

/** One line: "warning: ..", with a colour on a terminal, or "[  1.234 ms] .." for debug. */
void log_line(const struct log *log, enum log_level level, const char *format, ...) _printf_(3, 4);

/** Prints an error as it is for the user: message, then step and hint on lines of their own. */
void log_error(const struct log *log, const struct machine_error *error);

#define log_warning(log, ...) log_line((log), LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(log, ...)  log_line((log), LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(log, ...)   log_line((log), LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif

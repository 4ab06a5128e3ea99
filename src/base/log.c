/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

static const struct {
        const char *word;
        const char *colour;
} levels[] = {
        [LOG_LEVEL_ERROR] = { "error: ", "\033[1;31m" },
        [LOG_LEVEL_WARNING] = { "warning: ", "\033[1;33m" },
        [LOG_LEVEL_NOTICE] = { "", "" },
        [LOG_LEVEL_DEBUG] = { "", "\033[2m" },
};

uint64_t log_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* One write(2) per line, so that lines of several processes do not mix. */
static void write_line(const struct log *log, enum log_level level, const char *text)
{
        const char *colour = log->colour ? levels[level].colour : "";
        const char *reset = *colour ? "\033[0m" : "";
        _cleanup_free_ char *printable = string_printable(text);
        _cleanup_free_ char *line = NULL;

        if (!printable) {
                return;
        }
        if (level == LOG_LEVEL_DEBUG) {
                double milliseconds = (double)(log_now() - log->started) / 1000.0;

                line = string_format("%s[%9.3f ms] %s%s\n", colour, milliseconds, printable, reset);
        } else {
                line = string_format("%s%s%s%s\n", colour, levels[level].word, reset, printable);
        }
        if (line) {
                (void)file_write_all(log->fd, line, strlen(line));
        }
}

void log_line(const struct log *log, enum log_level level, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;

        if (!log || level > log->level) {
                return;
        }
        text = STRING_OF_ARGUMENTS(format);
        if (text) {
                write_line(log, level, text);
        }
}

/* Errors with the same remedy for any operation. */
static const char *way_out(int number)
{
        switch (number) {
        case EMFILE:
                return "raise the caller's limit of open files: ulimit -n 1024";
        case EACCES:
        case EPERM:
                return geteuid() != 0 ? "run it as root" : NULL;
        case ENFILE:
                return "raise the host's limit of open files: sysctl fs.file-max";
        default:
                return NULL;
        }
}

void log_error(const struct log *log, const struct machine_error *error)
{
        const char *message = error->message;
        const char *hint = error->hint ? error->hint : way_out(error->number);

        if (!message) {
                message = error->number ? strerror(error->number) : "unknown error";
        }
        log_line(log, LOG_LEVEL_ERROR, "%s", message);
        if (error->step) {
                log_line(log, LOG_LEVEL_NOTICE, "  step: %s", error->step);
        }
        if (hint) {
                log_line(log, LOG_LEVEL_NOTICE, "  hint: %s", hint);
        }
}

void log_replace_failure(const struct log *log, int *result, struct machine_error *error, int r,
                         struct machine_error *failure)
{
        if (*result < 0) {
                log_error(log, error);
        }
        error_move(error, failure);
        *result = r;
}
